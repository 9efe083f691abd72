//! Abstract instance types: one name for the same machine at several sellers.
//!
//! A pool may name either; an abstract name stands for all of its concrete ones. Names are the sellers' own.

/// An abstract instance type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offering {
    /// Its name: model and count of GPUs.
    pub name: &'static str,
    /// GPUs of one machine.
    pub gpus: u32,
    /// What sellers call it.
    pub instance_types: &'static [&'static str],
}

/// All of them.
pub const OFFERINGS: [Offering; 7] = [
    offering("h100-8x", 8, &["p5.48xlarge", "a3-highgpu-8g", "gpu_8x_h100_sxm5"]),
    offering("h100-1x", 1, &["p5.4xlarge", "a3-highgpu-1g", "gpu_1x_h100_pcie"]),
    offering("a100-8x", 8, &["p4d.24xlarge", "a2-highgpu-8g", "gpu_8x_a100"]),
    offering("a100-4x", 4, &["a2-highgpu-4g", "gpu_4x_a100"]),
    offering("a100-1x", 1, &["a2-highgpu-1g", "gpu_1x_a100"]),
    offering("a10-1x", 1, &["g5.xlarge", "gpu_1x_a10"]),
    offering("l4-1x", 1, &["g6.xlarge", "g2-standard-4"]),
];

const fn offering(name: &'static str, gpus: u32, instance_types: &'static [&'static str]) -> Offering {
    Offering { name, gpus, instance_types }
}

/// The abstract instance type with this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Offering> {
    OFFERINGS.iter().find(|offering| offering.name == name)
}

/// The instance types that a list of names stands for, each once, in the list's order. An abstract name stays in it: a
/// provider may use it as it is.
#[must_use]
pub fn expand(names: &[String]) -> Vec<String> {
    let mut types: Vec<String> = Vec::new();
    for name in names {
        let concrete = find(name).map_or(&[][..], |offering| offering.instance_types);
        for one in std::iter::once(name.as_str()).chain(concrete.iter().copied()) {
            if !types.iter().any(|known| known == one) {
                types.push(one.to_owned());
            }
        }
    }
    types
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_abstract_type_stands_for_all_its_concrete_ones_once() {
        let names = ["a10-1x", "g5.xlarge", "m6i.large"].map(str::to_owned);
        assert_eq!(expand(&names), ["a10-1x", "g5.xlarge", "gpu_1x_a10", "m6i.large"]);
        assert_eq!(expand(&[]), Vec::<String>::new());
    }
}

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
    /// What sellers call it: the kind of seller, and its name there. What a site calls its provider does not matter.
    pub sold: &'static [(&'static str, &'static str)],
}

const AWS: &str = "aws";
const GCP: &str = "gcp";
const LAMBDA: &str = "lambda";

/// All of them.
pub const OFFERINGS: [Offering; 7] = [
    offering("h100-8x", 8, &[(AWS, "p5.48xlarge"), (GCP, "a3-highgpu-8g"), (LAMBDA, "gpu_8x_h100_sxm5")]),
    offering("h100-1x", 1, &[(AWS, "p5.4xlarge"), (GCP, "a3-highgpu-1g"), (LAMBDA, "gpu_1x_h100_pcie")]),
    offering("a100-8x", 8, &[(AWS, "p4d.24xlarge"), (GCP, "a2-highgpu-8g"), (LAMBDA, "gpu_8x_a100")]),
    offering("a100-4x", 4, &[(GCP, "a2-highgpu-4g"), (LAMBDA, "gpu_4x_a100")]),
    offering("a100-1x", 1, &[(GCP, "a2-highgpu-1g"), (LAMBDA, "gpu_1x_a100")]),
    offering("a10-1x", 1, &[(AWS, "g5.xlarge"), (LAMBDA, "gpu_1x_a10")]),
    offering("l4-1x", 1, &[(AWS, "g6.xlarge"), (GCP, "g2-standard-4")]),
];

const fn offering(name: &'static str, gpus: u32, sold: &'static [(&'static str, &'static str)]) -> Offering {
    Offering { name, gpus, sold }
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
        let sold = find(name).map_or(&[][..], |offering| offering.sold);
        for one in std::iter::once(name.as_str()).chain(sold.iter().map(|(_, concrete)| *concrete)) {
            if !types.iter().any(|known| known == one) {
                types.push(one.to_owned());
            }
        }
    }
    types
}

/// What a name stands for at one kind of seller, such as `gcp`; the name itself where that kind does not sell it, or none is known.
#[must_use]
pub fn at(name: &str, kind: &str) -> String {
    let sold = find(name).into_iter().flat_map(|offering| offering.sold);
    let concrete = sold.filter(|(seller, _)| *seller == kind).map(|(_, concrete)| *concrete).next();
    concrete.unwrap_or(name).to_owned()
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

    #[test]
    fn a_name_stands_for_what_a_kind_of_seller_calls_it() {
        assert_eq!([at("h100-8x", "gcp"), at("h100-8x", "aws")], ["a3-highgpu-8g", "p5.48xlarge"]);
        assert_eq!([at("h100-8x", "fake"), at("a100-1x", "aws"), at("m6i", "aws")], ["h100-8x", "a100-1x", "m6i"]);
    }
}

//! Times and amounts as people read them, and axes that end at round numbers.

/// A time as people read it.
#[must_use]
pub fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => format!("{:.0} ms", s * 1_000.0),
        s if s < 10.0 => format!("{s:.2} s"),
        s if s < 600.0 => format!("{s:.1} s"),
        s if s < 36_000.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3_600.0),
    }
}

/// A moment on an axis that ends at `end_s`: in the unit that suits the whole of it.
#[must_use]
pub fn clock(at_s: f64, end_s: f64) -> String {
    let whole = |unit_s: f64| format!("{:.0}", at_s / unit_s);
    match end_s {
        end if end <= 600.0 => format!("{} s", whole(1.0)),
        end if end <= 5.0 * 3_600.0 => format!("{} min", whole(60.0)),
        end if end <= 4.0 * 86_400.0 => format!("{} h", whole(3_600.0)),
        _ => format!("{} d", whole(86_400.0)),
    }
}

/// A round number that is no less.
pub(crate) fn nice_end(longest: f64) -> f64 {
    let steps = (-3..15).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)));
    steps.into_iter().find(|end| *end >= longest).unwrap_or(longest)
}

/// A step of a time axis, in seconds, such that there are some six of them.
pub(crate) fn time_step(end_s: f64) -> f64 {
    const STEPS: [f64; 18] = [
        1.0,
        2.0,
        5.0,
        10.0,
        15.0,
        30.0,
        60.0,
        120.0,
        300.0,
        600.0,
        1_800.0,
        3_600.0,
        7_200.0,
        14_400.0,
        43_200.0,
        86_400.0,
        604_800.0,
        2_592_000.0,
    ];
    STEPS.into_iter().find(|step| end_s / step <= 8.0).unwrap_or(end_s / 6.0)
}

/// An amount without more digits than anybody would read.
pub(crate) fn amount(amount: f64) -> String {
    let rounded = |amount: f64, digits: usize| {
        let text = format!("{amount:.digits$}");
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    };
    match amount.abs() {
        a if a >= 1e9 => format!("{}G", rounded(amount / 1e9, 2)),
        a if a >= 1e6 => format!("{}M", rounded(amount / 1e6, 2)),
        a if a >= 1e4 => format!("{}k", rounded(amount / 1e3, 1)),
        a if a >= 10.0 => rounded(amount, 1),
        _ => rounded(amount, 3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_round_number_beyond_the_longest() {
        for (longest, end) in [(0.0004, 0.001), (0.9, 1.0), (1.4, 2.0), (3.2, 5.0), (47.0, 50.0), (180.0, 200.0)] {
            assert!((nice_end(longest) - end).abs() < 1e-9, "{longest}: {}", nice_end(longest));
        }
    }

    #[test]
    fn an_axis_of_time_has_a_handful_of_steps_in_one_unit() {
        for end_s in [7.0, 61.0, 1_800.0, 86_400.0, 12_900_000.0] {
            let steps = end_s / time_step(end_s);
            assert!((2.0..=8.0).contains(&steps), "{end_s}: {steps}");
        }
        assert_eq!((clock(90.0, 600.0), clock(600.0, 1_800.0)), ("90 s".to_owned(), "10 min".to_owned()));
    }

    #[test]
    fn amounts_have_three_digits_or_so() {
        for (value, text) in [(0.0, "0"), (5_000.0, "5000"), (12_345.0, "12.3k"), (2_500_000.0, "2.5M"), (0.25, "0.25")]
        {
            assert_eq!(amount(value), text);
        }
    }
}

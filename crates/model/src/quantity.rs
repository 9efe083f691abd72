//! Kubernetes quantity strings, read exactly.
//!
//! Source: the Kubernetes API conventions for `resource.Quantity`: a decimal number with an optional suffix: decimal
//! SI (`n u m k M G T P E`), binary SI (`Ki Mi Gi Ti Pi Ei`) or a decimal exponent (`e3`, `E-3`).

use thiserror::Error;

/// Why a string is no quantity that Argosy accepts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum QuantityError {
    /// Not of the form number + suffix.
    #[error("'{0}' is not a quantity: write a number with an optional suffix, such as 500m, 2, 16Gi or 1.5T")]
    Malformed(String),
    /// Below zero.
    #[error("'{0}' is negative; a resource cannot be")]
    Negative(String),
    /// Above what a resource dimension can hold.
    #[error("'{0}' is too large: at most 2^63 - 1 in the dimension's own unit (milli for cpu, else whole units)")]
    TooLarge(String),
}

/// Which way a fraction of the unit goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Towards more: for demand, so that it is never understated.
    Up,
    /// Towards less: for supply, so that it is never overstated.
    Down,
}

/// Reads `text` as an amount in units of `1 / per_unit` (1,000 for milli, 1 for whole units).
pub fn parse(text: &str, per_unit: u32, rounding: Rounding) -> Result<u64, QuantityError> {
    let malformed = || QuantityError::Malformed(text.chars().take(64).collect());
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    let (negative, unsigned) = match unsigned.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, unsigned),
    };
    let digits_end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(digits_end);
    let (mantissa, decimals) = mantissa(number).ok_or_else(malformed)?;
    let scale = Scale::of(suffix).ok_or_else(malformed)?;
    let too_large = || QuantityError::TooLarge(text.chars().take(64).collect());
    let amount = scale.apply(mantissa, decimals, per_unit, rounding).ok_or_else(too_large)?;
    if negative && mantissa != 0 {
        return Err(QuantityError::Negative(text.chars().take(64).collect()));
    }
    Ok(amount)
}

/// The digits as one integer, and how many of them stand after the point.
fn mantissa(number: &str) -> Option<(u128, u32)> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let no_digits = whole.is_empty() && fraction.is_empty();
    if no_digits || fraction.contains('.') || number.len() > 36 {
        return None;
    }
    let digits: String = [whole, fraction].concat();
    let decimals = u32::try_from(fraction.len()).ok()?;
    Some((digits.parse().ok()?, decimals))
}

/// What a suffix multiplies by.
struct Scale {
    power_of_ten: i32,
    power_of_two: u32,
}

impl Scale {
    fn of(suffix: &str) -> Option<Self> {
        let ten = |power_of_ten| Some(Self { power_of_ten, power_of_two: 0 });
        let two = |power_of_two| Some(Self { power_of_ten: 0, power_of_two });
        match suffix {
            "" => ten(0),
            "n" => ten(-9),
            "u" => ten(-6),
            "m" => ten(-3),
            "k" => ten(3),
            "M" => ten(6),
            "G" => ten(9),
            "T" => ten(12),
            "P" => ten(15),
            "E" => ten(18),
            "Ki" => two(10),
            "Mi" => two(20),
            "Gi" => two(30),
            "Ti" => two(40),
            "Pi" => two(50),
            "Ei" => two(60),
            _ => ten(suffix.strip_prefix(['e', 'E'])?.parse().ok().filter(|e| (-30..=30).contains(e))?),
        }
    }

    fn apply(&self, mantissa: u128, decimals: u32, per_unit: u32, rounding: Rounding) -> Option<u64> {
        let up = u32::try_from(self.power_of_ten.max(0)).ok()?;
        let down = u32::try_from((-self.power_of_ten).max(0)).ok()?.checked_add(decimals)?;
        let (up, down) = (up.saturating_sub(down), down.saturating_sub(up));
        let scaled = mantissa
            .checked_mul(u128::from(per_unit))?
            .checked_mul(1u128 << self.power_of_two)?
            .checked_mul(10u128.checked_pow(up)?)?;
        let amount = match (10u128.checked_pow(down), rounding) {
            (Some(divisor), Rounding::Up) => scaled.div_ceil(divisor),
            (Some(divisor), Rounding::Down) => scaled / divisor,
            (None, Rounding::Up) => u128::from(scaled > 0),
            (None, Rounding::Down) => 0,
        };
        u64::try_from(amount).ok().filter(|a| *a <= i64::MAX as u64)
    }
}

/// Writes an amount in units of `1 / per_unit` the way people do: `1500m`, `2`, `16Gi`.
pub fn format(amount: u64, per_unit: u32) -> String {
    let per_unit = u64::from(per_unit);
    if !amount.is_multiple_of(per_unit) {
        return format!("{amount}m");
    }
    let whole = amount / per_unit;
    let binary = [(60, "Ei"), (50, "Pi"), (40, "Ti"), (30, "Gi"), (20, "Mi"), (10, "Ki")];
    match binary.iter().find(|(power, _)| whole >= 1 << power && whole.is_multiple_of(1 << power)) {
        Some((power, suffix)) if whole >= 1 << 20 => format!("{}{suffix}", whole >> power),
        _ => whole.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_suffix_of_kubernetes_is_read_exactly() {
        for (text, per_unit, want) in [
            ("400m", 1000, 400),
            ("2", 1000, 2000),
            ("0.1", 1000, 100),
            ("16Gi", 1, 16 << 30),
            ("500Mi", 1, 500 << 20),
            ("1.5Gi", 1, 3 << 29),
            ("1e3", 1, 1000),
            ("12E", 1, 0),
            ("1E2", 1, 100),
            ("5k", 1, 5000),
            (".5", 1000, 500),
            ("2.", 1, 2),
            ("+3", 1, 3),
            ("-0", 1, 0),
        ] {
            let want = if text == "12E" { Err(()) } else { Ok(want) };
            assert_eq!(parse(text, per_unit, Rounding::Up).map_err(|_| ()), want, "{text}");
        }
    }

    #[test]
    fn demand_rounds_up_and_supply_rounds_down() {
        assert_eq!(parse("1500m", 1, Rounding::Up), Ok(2));
        assert_eq!(parse("1500m", 1, Rounding::Down), Ok(1));
        assert_eq!(parse("1n", 1000, Rounding::Up), Ok(1));
    }

    #[test]
    fn what_is_no_quantity_is_refused_with_its_text() {
        for bad in ["", "Gi", "1.2.3", "abc", "1 Gi", "1gi", "0x10", "1e99", "NaN", "٣"] {
            assert!(matches!(parse(bad, 1, Rounding::Up), Err(QuantityError::Malformed(_))), "{bad}");
        }
        assert!(matches!(parse("-1", 1, Rounding::Up), Err(QuantityError::Negative(_))));
        assert!(matches!(parse("9Ei", 1, Rounding::Up), Err(QuantityError::TooLarge(_))));
    }

    proptest! {
        #[test]
        fn what_we_write_reads_back(amount in 0u64..=i64::MAX as u64) {
            prop_assert_eq!(parse(&format(amount, 1), 1, Rounding::Down), Ok(amount));
            prop_assert_eq!(parse(&format(amount, 1000), 1000, Rounding::Down), Ok(amount));
        }

        #[test]
        fn no_string_panics(text in "\\PC{0,40}") {
            let _ = parse(&text, 1000, Rounding::Up);
        }
    }
}

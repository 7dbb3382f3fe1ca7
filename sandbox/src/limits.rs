//! How often a merchant may call: the rates that WeChat Pay has published.

use std::collections::HashMap;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Rate {
    /// Orders of JSAPI.
    Order,
    /// Payments by code.
    Charge,
    Refund,
    /// Refunds that were refused.
    RefusedRefund,
    /// Refunds of payments that are older than a month.
    LateRefund,
    UseCoupon,
    AssociateCoupon,
    CreateStock,
}

impl Rate {
    /// So many in so many seconds.
    fn limit(self) -> (u32, i64) {
        match self {
            Self::Order | Self::UseCoupon | Self::AssociateCoupon => (500, 1),
            Self::Charge => (33, 1),
            Self::Refund => (150, 1),
            Self::RefusedRefund => (6, 1),
            Self::LateRefund => (5_000, 60),
            Self::CreateStock => (1_000, 60),
        }
    }
}

/// What each merchant did in the second or the minute that it is.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    /// Without this nothing is ever too much.
    is_kept: bool,
    counts: HashMap<(String, Rate), (i64, u32)>,
}

impl Limits {
    pub(crate) fn new(is_kept: bool) -> Self {
        Self {
            is_kept,
            ..Self::default()
        }
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// Whether one more would be too much.
    pub(crate) fn is_full(&self, merchant: &str, rate: Rate, now: i64) -> bool {
        let (most, seconds) = rate.limit();
        let known = self.counts.get(&(merchant.to_owned(), rate));
        known.is_some_and(|&(window, count)| window == now / seconds && count >= most)
    }

    pub(crate) fn count(&mut self, merchant: &str, rate: Rate, now: i64) {
        if !self.is_kept {
            return;
        }
        let (_, seconds) = rate.limit();
        let now = now / seconds;
        let known = self.counts.entry((merchant.to_owned(), rate));
        let (window, count) = known.or_insert((now, 0));
        if *window != now {
            (*window, *count) = (now, 0);
        }
        *count += 1;
    }

    /// Counts one more, unless it would be too much.
    pub(crate) fn take(&mut self, merchant: &str, rate: Rate, now: i64) -> bool {
        let is_free = !self.is_full(merchant, rate, now);
        if is_free {
            self.count(merchant, rate, now);
        }
        is_free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_each_merchants_own_and_begins_anew() {
        let mut limits = Limits::new(true);
        for _ in 0..33 {
            assert!(limits.take("1", Rate::Charge, 7));
        }
        assert!(!limits.take("1", Rate::Charge, 7));
        assert!(limits.take("2", Rate::Charge, 7));
        assert!(limits.take("1", Rate::UseCoupon, 7));
        assert!(limits.take("1", Rate::Charge, 8));
        for _ in 0..5_000 {
            limits.count("1", Rate::LateRefund, 60);
        }
        assert!(limits.is_full("1", Rate::LateRefund, 119));
        assert!(!limits.is_full("1", Rate::LateRefund, 120));
        let mut free = Limits::new(false);
        assert!((0..100).all(|_| free.take("1", Rate::Charge, 7)));
    }
}

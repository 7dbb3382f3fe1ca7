//! Coupons of WeChat Pay's own (代金券) that a user pays with, and how they share in a refund.

use serde_json::{Value, json};

/// Who bears a coupon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Money that was paid in for it: the merchant gets all of the order.
    Cash,
    /// None: the merchant gets that much less.
    NoCash,
}

impl Kind {
    /// `type` of APIv3.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cash => "CASH",
            Self::NoCash => "NOCASH",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Cash, Self::NoCash]
            .into_iter()
            .find(|kind| kind.name() == name)
    }

    /// `coupon_type_$n` of APIv2.
    pub(crate) fn name_v2(self) -> &'static str {
        match self {
            Self::Cash => "CASH",
            Self::NoCash => "NO_CASH",
        }
    }
}

/// One that was used.
#[derive(Clone, Debug)]
pub(crate) struct Voucher {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    /// In fen.
    pub(crate) amount: u64,
}

/// What a user pays with in WeChat Pay's own sandbox, which goes by the amount.
pub(crate) fn of_trial(total: u64) -> &'static [(Kind, u64)] {
    match total {
        2 => &[(Kind::Cash, 1)],
        3 => &[(Kind::Cash, 1), (Kind::NoCash, 2)],
        _ => &[],
    }
}

/// How an order, or a part of it, is divided, in fen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shares {
    /// What the user pays, or gets back.
    pub(crate) payer: u64,
    /// What the merchant gets, or gives back.
    pub(crate) settlement: u64,
    pub(crate) discount: u64,
}

/// How an order of this total is divided.
pub(crate) fn shares(total: u64, vouchers: &[Voucher]) -> Shares {
    let sum = |is: fn(Kind) -> bool| -> u64 {
        let vouchers = vouchers.iter().filter(|voucher| is(voucher.kind));
        vouchers.map(|voucher| voucher.amount).sum()
    };
    let discount = sum(|_| true);
    Shares {
        payer: total.saturating_sub(discount),
        settlement: total.saturating_sub(sum(|kind| kind == Kind::NoCash)),
        discount,
    }
}

/// How a refund of this amount is divided, of an order of this total.
pub(crate) fn refund_shares(amount: u64, total: u64, vouchers: &[Voucher]) -> Shares {
    let whole = shares(total, vouchers);
    let payer = part(amount, whole.payer, total);
    Shares {
        payer,
        settlement: part(amount, whole.settlement, total),
        discount: amount.saturating_sub(payer),
    }
}

/// `amount × share ÷ total`, rounded.
fn part(amount: u64, share: u64, total: u64) -> u64 {
    let total = u128::from(total.max(1));
    let part = (u128::from(amount) * u128::from(share) + total / 2) / total;
    u64::try_from(part).unwrap_or(u64::MAX)
}

/// `promotion_detail` of an order.
pub(crate) fn of_order(vouchers: &[Voucher]) -> Value {
    let details = vouchers.iter().map(|voucher| {
        let amount = voucher.amount;
        let (wechatpay, merchant) = match voucher.kind {
            Kind::Cash => (amount, 0),
            Kind::NoCash => (0, amount),
        };
        json!({
            "coupon_id": voucher.id,
            "name": "代金券",
            "scope": "GLOBAL",
            "type": voucher.kind.name(),
            "amount": amount,
            "stock_id": "1000001",
            "wechatpay_contribute": wechatpay,
            "merchant_contribute": merchant,
            "other_contribute": 0,
            "currency": "CNY",
        })
    });
    details.collect()
}

/// What of each is in a refund of this amount, of an order of this total: together what the user
/// doesn't get.
pub(crate) fn refunded(amount: u64, total: u64, vouchers: &[Voucher]) -> Vec<(&Voucher, u64)> {
    let mut left = refund_shares(amount, total, vouchers).discount;
    let last = vouchers.len().saturating_sub(1);
    let parts = vouchers.iter().enumerate().map(|(index, voucher)| {
        let share = if index == last {
            left
        } else {
            part(amount, voucher.amount, total).min(left)
        };
        left -= share;
        (voucher, share)
    });
    parts.collect()
}

/// `promotion_detail` of a refund.
pub(crate) fn of_refund(amount: u64, total: u64, vouchers: &[Voucher]) -> Value {
    let parts = refunded(amount, total, vouchers).into_iter();
    let details = parts.map(|(voucher, share)| {
        json!({
            "promotion_id": voucher.id,
            "scope": "GLOBAL",
            "type": voucher.kind.name(),
            "amount": voucher.amount,
            "refund_amount": share,
        })
    });
    details.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vouchers(given: &[(Kind, u64)]) -> Vec<Voucher> {
        let each = given.iter().map(|&(kind, amount)| Voucher {
            id: String::new(),
            kind,
            amount,
        });
        each.collect()
    }

    #[test]
    fn a_refund_is_divided_as_its_order_was() {
        let both = vouchers(&[(Kind::Cash, 10), (Kind::NoCash, 20)]);
        for (amount, payer, settlement, parts) in [
            (100, 70, 80, [10, 20]),
            (50, 35, 40, [5, 10]),
            (1, 1, 1, [0, 0]),
            // 2.1, 2.4 and a discount of 1, of which 0.3 would be the first's.
            (3, 2, 2, [0, 1]),
        ] {
            let shares = refund_shares(amount, 100, &both);
            assert_eq!((shares.payer, shares.settlement), (payer, settlement));
            assert_eq!(shares.payer + shares.discount, amount);
            let shown: Vec<u64> = refunded(amount, 100, &both)
                .into_iter()
                .map(|(_, share)| share)
                .collect();
            assert_eq!(shown, parts);
        }
        let none = refund_shares(7, 100, &[]);
        assert_eq!((none.payer, none.settlement, none.discount), (7, 7, 0));
    }
}

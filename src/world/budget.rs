//! Spend budgets: an estimate is reserved before an attempt, the true cost committed after it.

use crate::units::Money;

/// One account with a hard limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Spent for certain.
    pub committed: Money,
    /// Set aside for attempts under way.
    pub reserved: Money,
}

impl Account {
    /// Sets `estimate` aside, if what remains of `limit` covers it.
    pub fn reserve(&mut self, limit: Money, estimate: Money) -> bool {
        if self.committed + self.reserved + estimate > limit {
            return false;
        }
        self.reserved += estimate;
        true
    }

    /// Gives a reservation back.
    pub fn release(&mut self, estimate: Money) {
        debug_assert!(self.reserved >= estimate, "released more than was reserved");
        self.reserved -= estimate;
    }

    /// Ends a reservation with the true cost.
    pub fn commit(&mut self, estimate: Money, cost: Money) {
        self.release(estimate);
        self.committed += cost;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_cent_can_be_spent_and_not_one_more() {
        let mut account = Account::default();
        let (limit, cost) = (Money::cents(10), Money::cents(5));
        assert!(account.reserve(limit, cost));
        assert!(account.reserve(limit, cost));
        assert!(!account.reserve(limit, Money(1)));
        account.commit(cost, cost);
        account.release(cost);
        assert!(account.reserve(limit, cost));
        assert_eq!(account.committed, cost);
    }
}

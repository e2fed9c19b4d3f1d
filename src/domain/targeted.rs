//! What was asked of one subscription beside what is asked of everyone: by revisions with a target that it fits.
//! Imports `revision` alone. Invariant: an end is final, so that nothing that comes after it counts but another end.

use super::revision::{Number, Revision};

/// The newest revisions that target a subscription; 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Targeted {
    /// The newest end.
    pub end: Number,
    /// The newest update, of those before any end.
    pub update: Number,
    /// The newest of both that has an alert.
    pub alert: Number,
}

impl Targeted {
    /// Notes a revision that targets the subscription; says whether it counts. Revisions must be noted in their order.
    pub fn note(&mut self, revision: &Revision) -> bool {
        if revision.is_end() {
            self.end = self.end.max(revision.number);
        } else if self.end > 0 {
            return false;
        } else {
            self.update = self.update.max(revision.number);
        }
        if revision.alert.is_some() {
            self.alert = self.alert.max(revision.number);
        }
        true
    }

    /// What the subscription should show, where this is the newest for everyone.
    pub fn wanted(self, newest: Number) -> Number {
        if self.end > 0 { self.end } else { newest.max(self.update) }
    }

    /// The newest of all.
    pub fn newest(self) -> Number {
        self.end.max(self.update)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::{alerting, end, targeted, update};

    fn after(revisions: &[Revision]) -> Targeted {
        let mut noted = Targeted::default();
        for revision in revisions {
            noted.note(revision);
        }
        noted
    }

    #[test]
    fn a_targeted_update_never_replaces_a_targeted_end() {
        let mut noted = after(&[targeted(update(2)), targeted(end(3))]);
        assert_eq!(noted.wanted(9), 3);
        assert!(!noted.note(&targeted(alerting(4))), "it is over for this one");
        assert_eq!((noted.wanted(9), noted.newest(), noted.alert), (3, 3, 0));
        assert!(noted.note(&targeted(end(5))));
        assert_eq!(noted.wanted(9), 5, "an end that is said again is the newer one");
    }

    #[test]
    fn what_is_asked_of_everyone_later_overrules_a_targeted_update() {
        let noted = after(&[targeted(update(4))]);
        assert_eq!((noted.wanted(3), noted.wanted(5)), (4, 5));
    }

    #[test]
    fn a_silent_update_leaves_the_alert_before_it() {
        let noted = after(&[targeted(alerting(4)), targeted(update(5))]);
        assert_eq!((noted.alert, noted.update), (4, 5));
    }
}

//! Tickets: what lets a client take one prepared snapshot without being asked anything under its lock.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::time::{Duration, Instant};

use mariasnap_dbus::HelperError;

use crate::caller::Owner;
use crate::config::Target;
use crate::storage::Plan;

/// One before each attempt at the lock; no run makes as many while its ticket lives, for it pauses longer after each.
const MAX_SYNCS: u8 = 16;

/// A prepared snapshot.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    pub(crate) owner: Owner,
    pub(crate) target: Target,
    pub(crate) plan: Plan,
    expires: Instant,
    syncs: u8,
    taking: bool,
}

/// The live tickets. Each is good for one connection, once, until it expires; a target has at most one.
#[derive(Debug, Default)]
pub(crate) struct Tickets(HashMap<String, Ticket>);

impl Tickets {
    /// Refuses if the target has a live ticket.
    pub(crate) fn check_free(&mut self, target: &Target, now: Instant) -> Result<(), HelperError> {
        self.0.retain(|_, ticket| ticket.expires > now);
        match self.0.values().find(|ticket| ticket.target.name == target.name) {
            None => Ok(()),
            Some(other) => {
                let left = other.expires.saturating_duration_since(now).as_secs() + 1;
                let text = format!(
                    "another snapshot of {} has been prepared; it lapses within {left} s",
                    target.name
                );
                Err(HelperError::Busy(text))
            }
        }
    }

    /// Keeps a ticket under `id`, unless the target has one.
    pub(crate) fn issue(
        &mut self,
        id: String,
        (owner, target, plan): (Owner, Target, Plan),
        (now, lifetime): (Instant, Duration),
    ) -> Result<(), HelperError> {
        self.check_free(&target, now)?;
        let expires = now + lifetime;
        self.0.insert(
            id,
            Ticket {
                owner,
                target,
                plan,
                expires,
                syncs: 0,
                taking: false,
            },
        );
        Ok(())
    }

    /// The ticket of that id, which stays good, for one of its pool syncs.
    pub(crate) fn use_sync(&mut self, id: &str, owner: &Owner, now: Instant) -> Result<Ticket, HelperError> {
        match self.live(id, owner, now) {
            None => Err(unknown()),
            Some(ticket) if ticket.syncs == MAX_SYNCS => Err(HelperError::LimitExceeded(format!(
                "{MAX_SYNCS} pool syncs for each ticket"
            ))),
            Some(ticket) => {
                ticket.syncs += 1;
                Ok(ticket.clone())
            }
        }
    }

    /// The ticket of that id, if it is live and the owner's; never again after that. Its target stays busy until
    /// [`Self::finish`], so that a second run is told so instead of queueing behind the cut. Another's guess changes
    /// nothing.
    pub(crate) fn redeem(&mut self, id: &str, owner: &Owner, now: Instant) -> Result<Ticket, HelperError> {
        let ticket = self.live(id, owner, now).ok_or_else(unknown)?;
        ticket.taking = true;
        Ok(ticket.clone())
    }

    /// Frees the target of a ticket that was redeemed.
    pub(crate) fn finish(&mut self, id: &str) {
        self.0.remove(id);
    }

    fn live(&mut self, id: &str, owner: &Owner, now: Instant) -> Option<&mut Ticket> {
        let live = |ticket: &&mut Ticket| ticket.expires > now && ticket.owner == *owner && !ticket.taking;
        self.0.get_mut(id).filter(live)
    }

    /// The name of the target that the ticket is for; empty if there is no such ticket.
    pub(crate) fn target_of(&self, id: &str) -> String {
        self.0
            .get(id)
            .map(|ticket| ticket.target.name.to_string())
            .unwrap_or_default()
    }

    /// Forgets what belonged to a connection that is gone.
    pub(crate) fn drop_owner(&mut self, owner: &Owner) {
        self.0.retain(|_, ticket| ticket.owner != *owner);
    }

    /// Whether no ticket is live.
    pub(crate) fn none_live(&self, now: Instant) -> bool {
        self.0.values().all(|ticket| ticket.expires <= now)
    }
}

fn unknown() -> HelperError {
    HelperError::UnknownTicket("no such ticket on this connection: expired, used, or never given".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mariasnap_dbus::SnapshotName;
    use proptest::prelude::*;

    const LIFETIME: Duration = Duration::from_secs(60);

    fn parts(owner: u64, name: &str) -> (Owner, Target, Plan) {
        let text = format!("[targets.{name}]\ndatasets=[{{name='t/{name}'}}]");
        let target = crate::config::parse("f", &text)
            .unwrap()
            .targets()
            .values()
            .next()
            .unwrap()
            .clone();
        let datasets = vec![target.datasets[0].name.clone()];
        let plan = Plan {
            pool: "t".into(),
            datasets,
            name: SnapshotName::parse("m-1").unwrap(),
        };
        (Owner::Peer(owner), target, plan)
    }

    #[test]
    fn one_use_one_owner_one_lifetime_one_target() {
        let (mut tickets, now) = (Tickets::default(), Instant::now());
        tickets.issue("a".into(), parts(1, "x"), (now, LIFETIME)).unwrap();
        assert!(matches!(
            tickets.issue("b".into(), parts(1, "x"), (now, LIFETIME)),
            Err(HelperError::Busy(_))
        ));
        assert!(tickets.redeem("a", &Owner::Peer(2), now).is_err());
        assert!(tickets.redeem("a", &Owner::Bus(":1.1".into()), now).is_err());
        for _ in 0..MAX_SYNCS {
            assert!(tickets.use_sync("a", &Owner::Peer(1), now).is_ok());
        }
        assert!(tickets.use_sync("a", &Owner::Peer(1), now).is_err());
        assert!(tickets.redeem("a", &Owner::Peer(1), now + LIFETIME).is_err());
        assert!(tickets.redeem("a", &Owner::Peer(1), now).is_ok());
        assert!(tickets.redeem("a", &Owner::Peer(1), now).is_err());
        let again = parts(1, "x");
        assert!(
            matches!(tickets.check_free(&again.1, now), Err(HelperError::Busy(_))),
            "busy while it is taken"
        );
        tickets.finish("a");
        assert!(tickets.check_free(&again.1, now).is_ok());
    }

    #[test]
    fn an_expired_or_orphaned_ticket_frees_its_target() {
        let (mut tickets, now) = (Tickets::default(), Instant::now());
        tickets.issue("a".into(), parts(1, "x"), (now, LIFETIME)).unwrap();
        assert!(tickets.none_live(now + LIFETIME) && !tickets.none_live(now));
        tickets
            .issue("b".into(), parts(2, "x"), (now + LIFETIME, LIFETIME))
            .unwrap();
        tickets.drop_owner(&Owner::Peer(2));
        assert!(tickets.none_live(now + LIFETIME));
    }

    proptest! {
        #[test]
        fn a_ticket_is_redeemed_at_most_once(steps in prop::collection::vec((0u64..3, 0u64..90), 1..40)) {
            let (mut tickets, now) = (Tickets::default(), Instant::now());
            tickets.issue("a".into(), parts(1, "x"), (now, LIFETIME)).unwrap();
            let redeemed = steps.iter().filter(|(owner, second)| {
                tickets.redeem("a", &Owner::Peer(*owner), now + Duration::from_secs(*second)).is_ok()
            });
            let redeemed: Vec<_> = redeemed.collect();
            prop_assert!(redeemed.len() <= 1);
            prop_assert!(redeemed.iter().all(|(owner, second)| *owner == 1 && *second < 60));
        }
    }
}

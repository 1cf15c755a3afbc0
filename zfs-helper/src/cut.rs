//! From a ticket to the cut: what a database is locked for, and what is done beforehand so that it isn't for long.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::time::Instant;

use mariasnap_dbus::names::ACTION_SNAPSHOT;
use mariasnap_dbus::{Cut, HelperError};

use crate::caller::Caller;
use crate::config::Target;
use crate::core::{Core, locked};
use crate::date::snapshot_name;
use crate::pools::Urgency;
use crate::properties;
use crate::request::{random, random_hex, unix_now};
use crate::storage::{Plan, Properties, Storage};

impl Core {
    pub(crate) async fn prepare(&self, caller: &Caller, target: &str) -> Result<(String, String, String), HelperError> {
        let target = self.authorised(caller, ACTION_SNAPSHOT, target, None).await?;
        let plan = self.plan(target).await?;
        let (id, name, pool) = (random_hex::<16>()?, plan.name.to_string(), plan.pool.clone());
        let life = (Instant::now(), self.ticket_lifetime);
        let mut tickets = locked(&self.tickets);
        if caller.is_gone() {
            return Err(HelperError::UnknownTicket(
                "the connection it is for has ended".to_owned(),
            ));
        }
        tickets.issue(id.clone(), (caller.owner.clone(), target.clone(), plan), life)?;
        Ok((id, name, pool))
    }

    pub(crate) async fn sync_pool(&self, caller: &Caller, ticket: &str) -> Result<(), HelperError> {
        let ticket = locked(&self.tickets).use_sync(ticket, &caller.owner, Instant::now())?;
        let pool = ticket.plan.pool.clone();
        self.pools
            .run(&ticket.plan.pool, Urgency::Lock, move |storage| storage.sync(&pool))
            .await
    }

    /// For the log: the target that a ticket is for, or nothing.
    pub(crate) fn target_of(&self, ticket: &str) -> String {
        locked(&self.tickets).target_of(ticket)
    }

    /// Takes the snapshot of a ticket.
    ///
    /// The database's lock is held meanwhile: having the ticket is the authorisation, and nobody is asked anything.
    pub(crate) async fn take(
        &self,
        caller: &Caller,
        ticket: &str,
        sent: BTreeMap<String, String>,
    ) -> Result<Cut, HelperError> {
        let redeemed = locked(&self.tickets).redeem(ticket, &caller.owner, Instant::now());
        // Only a valid ticket is exempt from the rate: guessing isn't.
        let redeemed = redeemed.or_else(|error| self.admit(caller).and(Err(error)))?;
        let taken = match properties::from_client(sent) {
            Ok(properties) => self.cut(&redeemed.target, redeemed.plan, properties).await,
            Err(error) => Err(error),
        };
        locked(&self.tickets).finish(ticket);
        taken
    }

    pub(crate) async fn create(
        &self,
        caller: &Caller,
        target: &str,
        sent: BTreeMap<String, String>,
    ) -> Result<Cut, HelperError> {
        let properties = properties::from_client(sent)?;
        let target = self.authorised(caller, ACTION_SNAPSHOT, target, None).await?;
        let plan = self.plan(target).await?;
        self.cut(target, plan, properties).await
    }

    async fn plan(&self, target: &Target) -> Result<Plan, HelperError> {
        locked(&self.tickets).check_free(target, Instant::now())?;
        let name = snapshot_name(&target.prefix, unix_now()?, u32::from_le_bytes(random()?))?;
        let owned = target.clone();
        self.pools
            .run(target.pool(), Urgency::Lock, move |storage| {
                storage.prepare(&owned, name)
            })
            .await
    }

    async fn cut(&self, target: &Target, plan: Plan, mut properties: Properties) -> Result<Cut, HelperError> {
        let id = random_hex::<16>()?;
        properties::mark_newborn(&mut properties, &target.name, &id, plan.datasets.len());
        let name = plan.name.to_string();
        let work = move |storage: &mut dyn Storage| {
            let started = Instant::now();
            storage.take(&plan, &properties).map(|taken| (taken, started.elapsed()))
        };
        let (taken, took) = self.pools.run(target.pool(), Urgency::Lock, work).await?;
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        Ok(Cut {
            name,
            id,
            guid: taken.guid,
            createtxg: taken.createtxg,
            took_us,
        })
    }
}

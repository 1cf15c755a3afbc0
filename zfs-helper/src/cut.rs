//! From a ticket to the cut: what a database is locked for, and what is done beforehand so that it isn't for long.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::time::Instant;

use mariasnap_dbus::names::ACTION_SNAPSHOT;
use mariasnap_dbus::{Cut, HelperError};
use tokio::sync::oneshot;
use zbus::object_server::SignalEmitter;

use crate::caller::Caller;
use crate::config::Target;
use crate::core::{Core, locked};
use crate::date::snapshot_name;
use crate::interface::SnapshotHelperSignals;
use crate::pools::Urgency;
use crate::properties;
use crate::request::{random, random_hex, unix_now};
use crate::storage::{Plan, Properties, Storage};
use crate::watch::{Watch, Watcher};

impl Core {
    pub(crate) async fn prepare(&self, caller: &Caller, target: &str) -> Result<(String, String), HelperError> {
        let target = self.authorised(caller, ACTION_SNAPSHOT, target, None).await?;
        let plan = self.plan(target).await?;
        let (id, name) = (random_hex::<16>()?, plan.name.to_string());
        let life = (Instant::now(), self.ticket_lifetime);
        let mut tickets = locked(&self.tickets);
        if caller.is_gone() {
            return Err(HelperError::UnknownTicket(
                "the connection it is for has ended".to_owned(),
            ));
        }
        tickets.issue(id.clone(), (caller.owner.clone(), target.clone(), plan), life)?;
        Ok((id, name))
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

    /// Takes the snapshot of a ticket; a `peer` is told as soon as later writes can't be in it.
    ///
    /// The database's lock is held meanwhile: having the ticket is the authorisation, and nobody is asked anything.
    pub(crate) async fn take(
        &self,
        caller: &Caller,
        ticket: &str,
        sent: BTreeMap<String, String>,
        peer: Option<&SignalEmitter<'_>>,
    ) -> Result<Cut, HelperError> {
        let redeemed = locked(&self.tickets).redeem(ticket, &caller.owner, Instant::now());
        // Only a valid ticket is exempt from the rate: guessing isn't.
        let redeemed = redeemed.or_else(|error| self.admit(caller).and(Err(error)))?;
        let taken = match properties::from_client(sent) {
            Ok(properties) => self.cut(&redeemed.target, redeemed.plan, properties, peer).await,
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
        let target = self.authorised(caller, ACTION_SNAPSHOT, target, None).await?;
        let properties = properties::from_client(sent)?;
        let plan = self.plan(target).await?;
        self.cut(target, plan, properties, None).await
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

    async fn cut(
        &self,
        target: &Target,
        plan: Plan,
        mut properties: Properties,
        peer: Option<&SignalEmitter<'_>>,
    ) -> Result<Cut, HelperError> {
        let id = random_hex::<16>()?;
        properties::mark_newborn(&mut properties, &target.name, &id, plan.datasets.len());
        let name = plan.name.to_string();
        let watcher = peer.and_then(|_| self.watchers.get(target.pool()));
        let (watch, moved_on) = watcher.map(Watcher::watch).unzip();
        let work = move |storage: &mut dyn Storage| {
            let _watching = watch.and_then(Watch::begin);
            let started = Instant::now();
            storage.take(&plan, &properties).map(|taken| (taken, started.elapsed()))
        };
        let taking = self.pools.run(target.pool(), Urgency::Lock, work);
        let (taken, took) = match peer.zip(moved_on) {
            Some((peer, moved_on)) => telling(peer, &name, moved_on, taking).await?,
            None => taking.await?,
        };
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

/// Waits for the cut, and tells the peer on the way that the open transaction group has moved on.
async fn telling<T>(
    peer: &SignalEmitter<'_>,
    name: &str,
    moved_on: oneshot::Receiver<u64>,
    taking: impl Future<Output = T>,
) -> T {
    let mut taking = std::pin::pin!(taking);
    tokio::select! {
        biased;
        taken = &mut taking => return taken,
        Ok(open_txg) = moved_on => {
            if let Err(error) = peer.cut_made(name, open_txg).await {
                tracing::debug!("a peer wasn't told of its cut: {error}");
            }
        }
    }
    taking.await
}

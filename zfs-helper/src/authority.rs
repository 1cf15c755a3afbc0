//! The one place where a request is allowed or not: polkit, and nothing else, decides.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::time::Duration;

use mariasnap_dbus::HelperError;
use mariasnap_dbus::names::{DETAIL_DATASET, DETAIL_SNAPSHOT, DETAIL_TARGET};
use tokio::sync::OnceCell;
use zbus::fdo::DBusProxy;
use zbus::proxy::CacheProperties;
use zbus_polkit::policykit1::{AuthorityProxy, CheckAuthorizationFlags};

use crate::caller::Caller;

/// First polkit that reads a pidfd in its subject.
const FIRST_WITH_PIDFD: u32 = 124;

/// What polkit is asked.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    pub(crate) action: &'static str,
    pub(crate) target: &'a str,
    pub(crate) datasets: &'a str,
    /// For destroy: the names, joined.
    pub(crate) snapshots: Option<&'a str>,
}

/// polkit on the system bus.
#[derive(Debug)]
pub(crate) struct Authority {
    polkit: AuthorityProxy<'static>,
    bus: DBusProxy<'static>,
    takes_pidfd: OnceCell<bool>,
    patience: Duration,
    interactive_patience: Duration,
}

impl Authority {
    pub(crate) async fn new(
        bus: &zbus::Connection,
        patience: Duration,
        interactive_patience: Duration,
    ) -> zbus::Result<Self> {
        let polkit = AuthorityProxy::builder(bus)
            .cache_properties(CacheProperties::No)
            .build()
            .await?;
        let takes_pidfd = OnceCell::new();
        let bus = DBusProxy::new(bus).await?;
        Ok(Self {
            polkit,
            bus,
            takes_pidfd,
            patience,
            interactive_patience,
        })
    }

    /// The bus itself, which knows who its clients are.
    pub(crate) fn bus(&self) -> &DBusProxy<'static> {
        &self.bus
    }

    /// Returns only if polkit said yes. No answer, an error, a challenge that may not or could not be met: all are no.
    pub(crate) async fn demand(&self, caller: &Caller, question: &Question<'_>) -> Result<(), HelperError> {
        let patience = if caller.interactive {
            self.interactive_patience
        } else {
            self.patience
        };
        let unavailable = |why: String| Err(HelperError::AuthorityUnavailable(why));
        match tokio::time::timeout(patience, self.ask(caller, question)).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(not_authorized()),
            Ok(Err(error)) => unavailable(format!("polkit can't be asked: {error}")),
            Err(_) => unavailable(format!("polkit hasn't answered for {} s", patience.as_secs())),
        }
    }

    async fn ask(&self, caller: &Caller, question: &Question<'_>) -> zbus::Result<bool> {
        let takes_pidfd = *self.takes_pidfd.get_or_try_init(|| self.reads_pidfd()).await?;
        let subject = caller.subject(takes_pidfd);
        let mut details = HashMap::from([(DETAIL_TARGET, question.target), (DETAIL_DATASET, question.datasets)]);
        details.extend(question.snapshots.map(|names| (DETAIL_SNAPSHOT, names)));
        let flags = match caller.interactive {
            true => CheckAuthorizationFlags::ALLOW_USER_INTERACTION,
            false => CheckAuthorizationFlags::empty(),
        };
        let answer = self
            .polkit
            .check_authorization(subject, question.action, &details, flags, "")
            .await?;
        Ok(answer.is_authorized && !answer.is_challenge)
    }

    async fn reads_pidfd(&self) -> zbus::Result<bool> {
        Ok(major(&self.polkit.backend_version().await?) >= FIRST_WITH_PIDFD)
    }
}

/// The answer to a forbidden request, and to one for a target that isn't there.
pub(crate) fn not_authorized() -> HelperError {
    HelperError::NotAuthorized("not authorised, or no such target".to_owned())
}

/// `126` of `126` and of `126.1`; 0 of `0.105` and of what isn't a version.
fn major(version: &str) -> u32 {
    let first = version.split('.').next();
    first.and_then(|major| major.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn versions() {
        assert_eq!(["0.105", "122", "126.1", ""].map(super::major), [0, 122, 126, 0]);
    }
}

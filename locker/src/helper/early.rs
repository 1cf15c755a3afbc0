//! The helper's early word of a cut: later writes can't be in it, though it has yet to reach the disks.

use futures_util::StreamExt;
use mariasnap_dbus::{HelperError, names};
use zbus::message::Type;
use zbus::{MatchRule, Message, MessageStream};

use super::{Helper, HelperFailure, Ticket, failure};

const CALL: &str = "listening for CutMade";

/// Hears the word, from before the cut is asked for.
#[derive(Debug)]
pub struct EarlyWord(MessageStream);

impl Helper {
    /// Starts to listen for it; none on the system bus, where it isn't spoken.
    pub async fn listen(&self) -> Result<Option<EarlyWord>, HelperFailure> {
        let connection = self.proxy.inner().connection();
        if connection.is_bus() {
            return Ok(None);
        }
        let rule = MatchRule::builder().msg_type(Type::Signal).interface(names::INTERFACE);
        let rule = rule.member(names::SIGNAL_CUT_MADE).build();
        let listening = async { Ok(MessageStream::for_match_rule(rule?, connection, None).await?) };
        let stream: Result<_, HelperError> = self.bounded(listening).await;
        stream.map(EarlyWord).map(Some).map_err(failure(CALL, "(peer)"))
    }
}

impl EarlyWord {
    /// Waits for the word about the ticket's snapshot: the number of a transaction group that was open then. A word
    /// that can't be read, or is about another snapshot, is none. Never returns if none comes.
    pub async fn of(&mut self, ticket: &Ticket) -> u64 {
        while let Some(message) = self.0.next().await {
            if let Some(open_txg) = message.ok().and_then(|message| heard(&message, ticket)) {
                return open_txg;
            }
        }
        std::future::pending().await
    }
}

fn heard(message: &Message, ticket: &Ticket) -> Option<u64> {
    let body = message.body();
    let (name, open_txg): (&str, u64) = body.deserialize().ok()?;
    (name == ticket.name).then_some(open_txg)
}

//! QEMU's guest agent, as a hypervisor talks to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::Vm;

/// A connection to the agent in the machine.
pub struct Agent {
    stream: BufReader<UnixStream>,
}

impl Agent {
    /// Connects, and lets the agent forget what others asked for before: qga/qapi-schema.json, guest-sync-delimited.
    pub fn connect() -> Self {
        let path = Vm.run_directory().join("agent");
        let stream = UnixStream::connect(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        let mut agent = Self {
            stream: BufReader::new(stream),
        };
        let id = std::process::id();
        agent.send(b"\xff");
        agent.send(
            format!(
                "{}\n",
                json!({"execute": "guest-sync-delimited", "arguments": {"id": id}})
            )
            .as_bytes(),
        );
        let mut skipped = Vec::new();
        agent.stream.read_until(0xff, &mut skipped).unwrap();
        assert_eq!(agent.answer()["return"], id);
        agent
    }

    /// Gives a command; what is returned, or the error's description.
    pub fn execute(&mut self, command: &str) -> Result<Value, String> {
        self.send(format!("{}\n", json!({"execute": command})).as_bytes());
        let answer = self.answer();
        match answer.get("return") {
            Some(value) => Ok(value.clone()),
            None => Err(answer["error"]["desc"].as_str().unwrap_or_default().to_owned()),
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).unwrap();
    }

    fn answer(&mut self) -> Value {
        let mut line = Vec::new();
        self.stream.by_ref().read_until(b'\n', &mut line).unwrap();
        serde_json::from_slice(&line).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&line)))
    }
}

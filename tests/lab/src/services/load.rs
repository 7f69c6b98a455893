use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use reqwest::Client;
use tokio::time::interval;

use crate::LabError;

/// A request that takes longer is not answered.
const TIMEOUT: Duration = Duration::from_secs(10);

/// So many requests at an even pace. None waits for the answer to the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// How many.
    pub requests: u32,
    /// How many a second; at least 1.
    pub per_second: u32,
}

/// What became of a load.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// How many requests there were.
    pub sent: u32,
    /// How many answers there were with each status.
    pub answers: BTreeMap<u16, u32>,
    /// How many got no answer at all.
    pub unanswered: u32,
}

impl Sent {
    /// How many were not answered, or with a failure of the server's.
    pub fn failed(&self) -> u32 {
        self.unanswered + self.answers.iter().filter(|(status, _)| **status >= 500).map(|(_, count)| count).sum::<u32>()
    }

    fn count(mut self, status: Option<u16>) -> Self {
        self.sent += 1;
        match status {
            Some(status) => *self.answers.entry(status).or_default() += 1,
            None => self.unanswered += 1,
        }
        self
    }
}

impl Load {
    /// Sends all of it and waits for the last answer.
    pub async fn send(self, url: &str) -> Result<Sent, LabError> {
        let http = Client::builder().no_proxy().timeout(TIMEOUT).build();
        let http = http.map_err(|source| LabError::Request { what: url.into(), source })?;
        let pace = interval(Duration::from_secs(1) / self.per_second.max(1));
        let ticks = stream::unfold(pace, async |mut pace| {
            pace.tick().await;
            Some(((), pace))
        });
        let all = usize::try_from(self.requests).unwrap_or(usize::MAX);
        let answers = ticks.take(all).map(|()| async {
            let answer = http.get(url).send().await;
            answer.ok().map(|answer| answer.status().as_u16())
        });
        Ok(answers.buffer_unordered(all.max(1)).fold(Sent::default(), async |sent, status| sent.count(status)).await)
    }
}

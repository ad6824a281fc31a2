//! Where all tasks put their news for the dashboard.

use tokio::sync::mpsc;

use super::order::Update;

/// News that may wait. Tasks pause when the dashboard does not keep up; memory stays bounded.
const CAPACITY: usize = 256;

#[derive(Clone, Debug)]
pub struct Outbox(mpsc::Sender<Update>);

/// The dashboard is gone.
#[derive(Debug)]
pub struct Closed;

impl Outbox {
    pub fn channel() -> (Outbox, mpsc::Receiver<Update>) {
        let (sender, receiver) = mpsc::channel(CAPACITY);
        (Outbox(sender), receiver)
    }

    pub async fn send(&self, update: Update) -> Result<(), Closed> {
        self.0.send(update).await.map_err(|_| Closed)
    }

    /// For threads outside of the runtime.
    pub fn send_blocking(&self, update: Update) -> Result<(), Closed> {
        self.0.blocking_send(update).map_err(|_| Closed)
    }
}

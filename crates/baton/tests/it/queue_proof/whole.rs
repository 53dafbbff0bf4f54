//! Everything of a queue, compared: its items, what is counted of them, and their history.

use serde_json::{Value, json};

use super::answers::{Checked, done};
use super::driver::Run;
use super::model::Status;

impl Run<'_> {
    /// Compares all items.
    pub async fn check_items(&mut self) -> Checked {
        let query = format!(
            "odata/QueueItems?$filter=QueueDefinitionId eq {}&$orderby=Id&$top=100",
            self.queue
        );
        let mut rows = Vec::new();
        loop {
            let page = format!("{query}&$skip={}", rows.len());
            let mut page = done(&self.client().get(&page).await, 200)?;
            let Value::Array(page) = page["value"].take() else {
                return Err("a page that is no list".into());
            };
            let last = page.len() < 100;
            rows.extend(page);
            if last {
                break;
            }
        }
        if rows.len() != self.model.items.len() {
            let expected = self.model.items.len();
            return Err(format!(
                "there are {} items instead of {expected}",
                rows.len()
            ));
        }
        for (index, row) in rows.iter().enumerate() {
            self.shown.check(&mut self.model, index, row)?;
        }
        Ok(())
    }

    /// Compares what the server counts.
    pub async fn check_counts(&self) -> Checked {
        let of = self.queue;
        for status in Status::ALL {
            let filter = format!("QueueDefinitionId eq {of} and Status eq '{status:?}'");
            let path = format!("odata/QueueItems?$filter={filter}&$top=0&$count=true");
            let list = done(&self.client().get(&path).await, 200)?;
            let expected = self.model.count(status);
            if list["@odata.count"] != expected {
                let counted = &list["@odata.count"];
                return Err(format!(
                    "{counted} items that are {status:?} instead of {expected}"
                ));
            }
        }
        let path = format!(
            "odata/QueueProcessingRecords/UiPathODataSvc.RetrieveQueuesProcessingStatus\
             ?$filter=QueueDefinitionId eq {of}"
        );
        let list = done(&self.client().get(&path).await, 200)?;
        let sums = self.model.sums;
        let all = sums.successful + sums.application + sums.business;
        for (member, expected) in [
            ("ItemsToProcess", json!(self.model.count(Status::New))),
            (
                "ItemsInProgress",
                json!(self.model.count(Status::InProgress)),
            ),
            ("SuccessfulTransactionsNo", json!(sums.successful)),
            ("ApplicationExceptionsNo", json!(sums.application)),
            ("BusinessExceptionsNo", json!(sums.business)),
            ("TotalNumberOfTransactions", json!(all)),
        ] {
            let counted = &list["value"][0][member];
            if *counted != expected {
                return Err(format!("{member} is {counted} instead of {expected}"));
            }
        }
        Ok(())
    }

    /// Compares what the history says happened.
    pub async fn check_events(&self) -> Checked {
        for (index, item) in self.model.items.iter().enumerate() {
            let number = self.shown.id(index);
            let path = format!(
                "odata/QueueItemEvents?$filter=QueueItemId eq {number}&$orderby=Id&$top=1000"
            );
            let list = done(&self.client().get(&path).await, 200)?;
            let events = list["value"].as_array().ok_or("no list of events")?;
            let same = events.len() == item.events.len()
                && events
                    .iter()
                    .zip(&item.events)
                    .all(|(event, (action, status, review))| {
                        event["Action"] == format!("{action:?}")
                            && event["Status"] == format!("{status:?}")
                            && event["ReviewStatus"] == format!("{review:?}")
                    });
            if !same {
                let shown = |e: &Value| {
                    (
                        e["Action"].clone(),
                        e["Status"].clone(),
                        e["ReviewStatus"].clone(),
                    )
                };
                let shown: Vec<_> = events.iter().map(shown).collect();
                let expected = &item.events;
                return Err(format!(
                    "events of {number}: {shown:?} instead of {expected:?}"
                ));
            }
        }
        Ok(())
    }
}

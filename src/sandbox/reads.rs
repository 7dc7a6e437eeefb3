//! Carries out the calls that change nothing.
//!
//! The lists of Direct Messages are in [`messages`](super::messages).

use serde_json::{Value, json};

use super::api_call::{ApiCall, shown_id};
use super::events::{Cursor, TimeSpan};
use super::form::Parameters;
use super::people::UserStanding;
use super::refusal::Refusal;
use super::world::World;
use crate::domain::time::Millis;

const EVENTS_COUNT_MAX: u64 = 100;
const USERS_MAX: usize = 100;

impl World {
    pub(super) fn read(
        &self,
        call: ApiCall,
        account: usize,
        path: &str,
        parameters: &Parameters,
        now: Millis,
    ) -> Result<Value, Refusal> {
        let user_id = self.accounts[account].user_id;
        match call {
            ApiCall::Show => self.show(user_id, path),
            ApiCall::Events => self.events(user_id, parameters, now),
            ApiCall::Friendship => self.friendship(user_id, parameters),
            ApiCall::Users => self.users(parameters),
            ApiCall::VerifyCredentials => Ok(self.credentials(account)),
            ApiCall::DirectMessages => self.list_messages(user_id, parameters, now),
            ApiCall::DmEvents => self.list_dm_events(user_id, parameters, now),
            ApiCall::Create => unreachable!("create is no read"),
        }
    }

    /// Returns one feedback of the account. Other accounts' feedback does not exist for it.
    fn show(&self, user_id: u64, path: &str) -> Result<Value, Refusal> {
        shown_id(path)
            .and_then(|id| self.feedback.get(&id))
            .filter(|feedback| feedback.from_user_id == user_id)
            .map(|feedback| feedback.to_json())
            .ok_or_else(|| Refusal::no_such_page().because("no such feedback of this account"))
    }

    fn events(&self, user_id: u64, parameters: &Parameters, now: Millis) -> Result<Value, Refusal> {
        let count = parameters.optional_number("count")?.unwrap_or(EVENTS_COUNT_MAX);
        if !(1..=EVENTS_COUNT_MAX).contains(&count) {
            return Err(Refusal::invalid("count", "not from 1 to 100"));
        }
        let cursor = match parameters.optional("cursor") {
            None => Cursor::at_start(user_id, self.asked_window(parameters, now)?),
            Some(text) => self.asked_cursor(user_id, text, parameters)?,
        };
        let (events, next) = self.events.page(cursor, count, self.behaviour.paging, self.seed);
        let is_endless = self.endless_at.is_some_and(|at| cursor.window.holds(at));
        let next = next.or_else(|| is_endless.then(|| Cursor::at_start(user_id, cursor.window)));
        Ok(json!({
            "events": events.iter().map(|event| event.to_json()).collect::<Vec<_>>(),
            "next_cursor": next.map(|cursor| cursor.to_text(self.seed)).unwrap_or_default(),
        }))
    }

    /// Returns the window that a first page asks for.
    fn asked_window(&self, parameters: &Parameters, now: Millis) -> Result<TimeSpan, Refusal> {
        let from = Millis(parameters.required_number("from_time")?);
        let to = Millis(parameters.required_number("to_time")?);
        if from > to {
            return Err(Refusal::invalid("from_time", "later than to_time"));
        }
        let latest = now.minus(self.horizon);
        if to > latest {
            let late_by = to.0 - latest.0;
            return Err(Refusal::invalid("to_time", format!("{late_by} ms past the horizon")));
        }
        Ok(TimeSpan { from, to })
    }

    /// Returns the request's cursor. The request may repeat the cursor's window but not name
    /// another one.
    fn asked_cursor(
        &self,
        user_id: u64,
        text: &str,
        parameters: &Parameters,
    ) -> Result<Cursor, Refusal> {
        let from = parameters.optional_number::<i64>("from_time")?;
        let to = parameters.optional_number::<i64>("to_time")?;
        Cursor::from_text(text, self.seed)
            .filter(|cursor| cursor.user_id == user_id)
            .filter(|cursor| from.is_none_or(|from| from == cursor.window.from.0))
            .filter(|cursor| to.is_none_or(|to| to == cursor.window.to.0))
            .ok_or_else(|| {
                Refusal::invalid("cursor", "not given out to this account for this window")
            })
    }

    fn friendship(&self, user_id: u64, parameters: &Parameters) -> Result<Value, Refusal> {
        let source_id: u64 = parameters.required_number("source_id")?;
        let target_id: u64 = parameters.required_number("target_id")?;
        let person = self.people.find(target_id, self.seed, &self.behaviour);
        person.found()?;
        // X says whether the source can message the target only if the caller is the source.
        let can_dm = (source_id == user_id).then(|| person.can_dm());
        Ok(json!({"relationship": {
            "source": {
                "id": source_id, "id_str": source_id.to_string(), "screen_name": self.screen_name(source_id),
                "following": false, "followed_by": false, "can_dm": can_dm, "blocking": null, "blocked_by": null,
                "muting": null, "want_retweets": null, "all_replies": null, "marked_spam": null,
            },
            "target": {
                "id": target_id, "id_str": target_id.to_string(), "screen_name": self.screen_name(target_id),
                "following": false, "followed_by": false, "following_received": null, "following_requested": null,
            },
        }}))
    }

    fn users(&self, parameters: &Parameters) -> Result<Value, Refusal> {
        let asked: Vec<&str> = parameters.required("ids")?.split(',').collect();
        if asked.len() > USERS_MAX {
            return Err(Refusal::invalid("ids", "more than 100 ids"));
        }
        let fields: Vec<&str> =
            parameters.optional("user.fields").unwrap_or("").split(',').collect();
        let (mut data, mut errors) = (Vec::new(), Vec::new());
        for text in asked {
            let user_id = text.parse().map_err(|_| Refusal::not_a_number("ids", text))?;
            let person = self.people.find(user_id, self.seed, &self.behaviour);
            match person.standing {
                UserStanding::Present => {
                    let name = self.screen_name(user_id);
                    let mut user = json!({"id": text, "username": name, "name": name});
                    if fields.contains(&"receives_your_dm") {
                        user["receives_your_dm"] = json!(person.can_dm());
                    }
                    if fields.contains(&"connection_status") {
                        user["connection_status"] = json!([]);
                    }
                    data.push(user);
                }
                UserStanding::Unknown => {
                    errors.push(problem(text, "Not Found Error", "Could not find user with ids"));
                }
                UserStanding::Suspended => {
                    errors.push(problem(text, "Forbidden", "User has been suspended"))
                }
            }
        }
        // X leaves an empty list out.
        let mut body = json!({});
        for (name, list) in [("data", data), ("errors", errors)] {
            if !list.is_empty() {
                body[name] = Value::Array(list);
            }
        }
        Ok(body)
    }

    fn credentials(&self, account: usize) -> Value {
        let account = &self.accounts[account];
        json!({
            "id": account.user_id,
            "id_str": account.user_id.to_string(),
            "name": account.screen_name,
            "screen_name": account.screen_name,
        })
    }

    fn screen_name(&self, user_id: u64) -> String {
        self.accounts
            .iter()
            .find(|account| account.user_id == user_id)
            .map_or_else(|| format!("person_{user_id}"), |account| account.screen_name.clone())
    }
}

/// Returns a partial error, which version 2 of the API may put into a 200 answer.
fn problem(user_id: &str, title: &str, what: &str) -> Value {
    json!({
        "resource_type": "user", "resource_id": user_id, "parameter": "ids", "value": user_id,
        "title": title, "detail": format!("{what}: [{user_id}]."),
        "type": "https://api.twitter.com/2/problems/resource-not-found",
    })
}

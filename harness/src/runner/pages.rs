//! Reads a list page by page.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::arrange::success;
use super::play::Player;
use super::request_sender::SendError;
use crate::call::Call;
use crate::check::FollowUp;
use crate::contract::CallTemplate;
use crate::journal::Role;
use crate::protocol;

impl Player<'_> {
    /// Reads a list to its last page, and from its first page again as long as the judge asks for that and it is worth
    /// it.
    pub(super) async fn pages(
        &mut self,
        number: usize,
        template: &CallTemplate,
        most: u8,
    ) -> Result<FollowUp, SendError> {
        let first = self.fill(template);
        let begun_ms = self.sender.now_ms();
        let mut wait = self.shared.options.first_wait();
        loop {
            let next = self.list(number, &first, most).await?;
            let FollowUp::SendAgain { retry, otherwise } = next else {
                return Ok(next);
            };
            let after_ms = self.sender.now_ms().saturating_sub(begun_ms);
            if !self.shared.waits.is_worth_retrying(retry, after_ms) {
                return Ok(*otherwise);
            }
            self.sender.pause(wait).await;
            wait = self.shared.options.next_wait(wait);
        }
    }

    /// Reads a list once. A token that has come before leads nowhere new, so nothing is sent for it.
    async fn list(&mut self, number: usize, first: &Call, most: u8) -> Result<FollowUp, SendError> {
        let mut call = Arc::new(first.clone());
        let mut next = FollowUp::Done;
        let mut tokens = BTreeSet::new();
        for _ in 0..most {
            let answered = self.sender.ask(number, Role::Act, &call).await?;
            let token = success(&answered.reply).and_then(protocol::next_token);
            next = self.judge.observe(answered.observed(&call));
            let Some(token) = token.filter(|token| tokens.insert(token.clone())) else {
                break;
            };
            let mut following = first.clone();
            following.params.push(("NextToken".to_owned(), token));
            call = Arc::new(following);
        }
        Ok(next)
    }
}

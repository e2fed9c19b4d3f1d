//! What takes more than a line to look at.

use super::super::phone::{Phone, Refusal};
use super::Control;
use crate::proto::simulator_v1::{
    GetFaultRequest, GetFaultResponse, ListPhonesRequest, ListPhonesResponse,
};
use std::ops::Bound;
use std::time::Duration;

/// How many phones one page has at most.
const PAGE_MAX: usize = 1_000;
/// How long one call may wait.
const WAIT_MAX: Duration = Duration::from_mins(5);

impl Control {
    /// A page of phones.
    pub(super) fn page_of_phones(&self, request: ListPhonesRequest) -> ListPhonesResponse {
        let size = usize::try_from(request.page_size).unwrap_or(0);
        let size = if size == 0 { PAGE_MAX } else { size.min(PAGE_MAX) };
        let after = (Bound::Excluded(request.after_phone_id), Bound::Unbounded);
        let phones: Vec<Phone> =
            self.hub.phones().range(after).take(size).map(|(_, phone)| phone.clone()).collect();
        ListPhonesResponse { phones: phones.iter().map(Phone::snapshot).collect() }
    }

    /// A fault, when it has met and holds as many pushes as asked, or the time is over.
    pub(super) async fn fault_reached(
        &self,
        request: GetFaultRequest,
    ) -> Result<GetFaultResponse, Refusal> {
        let timeout = request.timeout.and_then(|timeout| Duration::try_from(timeout).ok());
        let status = || self.hub.faults().status(request.fault_id);
        let reached = || {
            status()
                .is_none_or(|fault| fault.hits >= request.hits && fault.holding >= request.holding)
        };
        self.hub.wait_for(timeout.unwrap_or_default().min(WAIT_MAX), reached).await;
        let fault = status().ok_or(Refusal::NotFound("such fault"))?;
        Ok(GetFaultResponse { fault: Some(fault) })
    }
}

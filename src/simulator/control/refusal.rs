//! What a refusal of the simulator is over gRPC.

use super::super::phone::Refusal;
use tonic::Status;

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            Refusal::Invalid(_) => Status::invalid_argument(message),
            Refusal::NotFound(_) => Status::not_found(message),
            Refusal::Exists => Status::already_exists(message),
            Refusal::Limit(_) => Status::resource_exhausted(message),
            Refusal::Forbidden(_) => Status::failed_precondition(message),
        }
    }
}

//! The steps of delivery: each is one transaction, or one look at the tables, as a plain function of rows and `now`.
//!
//! May import `store` and `domain`, and what signs from `provider`. The dispatcher around them has tasks, timers and
//! the transport; a test that runs the same steps in virtual time, in any order, runs what the server runs. Every
//! transaction reads its rows anew under the shard's lock (embedded: the one writer) and lets `domain` decide. The
//! delivered revision of a shard moves with the closing of a claim only.

mod begin;
mod channels;
mod close;
mod credential;
mod expand;
mod follow;
mod leave;
mod load;
mod mark;
mod provider_token;
mod purge;
mod retention;
mod settle;
mod sweep;
mod tokens;
mod turn;

pub use begin::begin;
pub use channels::{
    claim_channel, claim_survey, give_survey_up, settle_creation, settle_deletion, settle_survey,
};
pub use close::{Closing, close_claim, postpone, release};
pub use credential::turn_credential;
pub use expand::expand_batch;
pub use follow::{arrive, follow_batch};
pub use load::{Loaded, Planned, Work, load};
pub use mark::mark;
pub use provider_token::{WantedToken, forget_provider_tokens, provider_token};
pub use purge::{purge_activity, purge_device};
pub use retention::{forget_earlier_runs, forget_ended};
pub use settle::{Answered, Made, Place, Slice, settle_slice};
pub use sweep::{may_stamp, new_mark, wake};
pub use tokens::lose_tokens;
pub use turn::turn;

//! Expansions: audiences on their way to becoming subscriptions.

pub use super::audience::{Candidate, audience_contains, audience_page};

use super::entity::expansion::{Column, Entity};
use super::on::On;
use crate::domain::expansion::Expansion;
use crate::domain::ids::ActivityKey;
use crate::domain::revision::Run;
use crate::error::Result;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

/// Those that are not done, of all tenants, oldest first.
pub async fn pending_all_workspaces(on: &impl On, limit: u64) -> Result<Vec<Expansion>> {
    let query = pending().limit(limit);
    query.all(&on.handle().db).await?.into_iter().map(Expansion::try_from).collect()
}

/// That of a run.
pub async fn find(on: &impl On, activity: ActivityKey, run: Run) -> Result<Option<Expansion>> {
    let handle = on.handle();
    let model = handle.hold(Entity::find_by_id((activity.0, run))).one(&handle.db).await?;
    model.map(Expansion::try_from).transpose()
}

pub(super) fn pending() -> Select<Entity> {
    Entity::find()
        .filter(Expr::col(Column::Done).not())
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::ActivityKey)
}

//! The queries that the dispatcher asks again and again are answered from their indexes, whatever the tables hold: a
//! partial index counts only where the query repeats its condition word by word.

use super::on::On;
use super::{Config, Store, activities, expansions, members, shards};
use crate::clock::Time;
use crate::domain::ids::ShardId;
use sea_orm::{ConnectionTrait, QueryTrait, Statement};

#[tokio::test]
async fn what_is_asked_again_and_again_is_answered_from_an_index() {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("tidings.db");
    let config = Config { url: format!("sqlite://{}", path.display()).into(), ..Config::default() };
    let store = Store::open(&config).await.unwrap();
    store.migrate().await.unwrap();
    let db = store.reader().handle().db;
    let backend = db.get_database_backend();
    let queries = [
        (shards::due(Time(0)).build(backend), "shards_due"),
        (shards::next_due().build(backend), "shards_due"),
        (shards::behind().build(backend), "shards_behind"),
        (activities::unmarked().build(backend), "activities_unmarked"),
        (activities::to_purge().build(backend), "activities_to_purge"),
        (expansions::pending().build(backend), "expansions_pending"),
        (members::exceptional(ShardId::generate()).build(backend), "subscriptions_exceptional"),
        (
            members::looked_for(ShardId::generate(), Time(0)).build(backend),
            "subscriptions_to_look_at",
        ),
    ];
    for (query, index) in queries {
        let sql = format!("EXPLAIN QUERY PLAN {}", query.sql);
        let values = query.values.map_or(Vec::new(), |values| values.0);
        let explain = Statement::from_sql_and_values(backend, sql, values);
        let rows = db.query_all_raw(explain).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.try_get("", "detail").unwrap()).collect();
        assert!(plan.iter().any(|step| step.contains(index)), "{index}: {plan:?}");
        assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE FOR ORDER BY")), "{plan:?}");
    }
}

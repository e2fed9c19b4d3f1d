//! Activity types.

use crate::server::{Server, answer, refusal, with_key, wrong_fields};
use prost_types::FieldMask;
use tidings::proto::v1::{
    ActivityType, Alert, CreateActivityTypeRequest, DeleteActivityTypeRequest,
    GetActivityTypeRequest, JoinRule, ListActivityTypesRequest, UpdateActivityTypeRequest,
};
use tonic::Code;

fn create(name: &str) -> CreateActivityTypeRequest {
    let activity_type = ActivityType { activity_type: name.to_owned(), ..ActivityType::default() };
    CreateActivityTypeRequest { activity_type: Some(activity_type), ..Default::default() }
}

fn get(name: &str) -> GetActivityTypeRequest {
    GetActivityTypeRequest { activity_type: name.to_owned() }
}

#[tokio::test]
async fn a_new_type_has_its_defaults_and_a_second_one_of_its_name_is_refused() {
    let server = Server::start().await;
    let made = server.types().create_activity_type(server.request(create("flight_status"))).await;
    let made = answer(made).activity_type.expect("a type");
    assert_eq!(made.ios_attributes_type, "flight_status");
    assert_eq!(
        (made.id_attribute.as_str(), made.run_attribute.as_str()),
        ("activityId", "activityRun")
    );
    assert_eq!((made.join(), made.app_may_start), (JoinRule::Audience, Some(true)));
    assert_eq!(made.default_alert, None);
    let found = server.types().get_activity_type(server.request(get("flight_status"))).await;
    assert_eq!(answer(found).activity_type, Some(made));
    let again = server.types().create_activity_type(server.request(create("flight_status"))).await;
    assert_eq!(refusal(again), (Code::AlreadyExists, "ALREADY_EXISTS".to_owned()));
    server.stop().await;
}

#[tokio::test]
async fn a_mask_says_which_settings_change() {
    let server = Server::start().await;
    answer(server.types().create_activity_type(server.request(create("flight_status"))).await);
    let update = |id_attribute: &str, paths: &[&str]| {
        let activity_type = ActivityType {
            activity_type: "flight_status".to_owned(),
            id_attribute: id_attribute.to_owned(),
            default_alert: Some(Alert { title: "Flight".to_owned(), ..Alert::default() }),
            join: JoinRule::Open.into(),
            app_may_start: Some(false),
            ..ActivityType::default()
        };
        server.request(UpdateActivityTypeRequest {
            activity_type: Some(activity_type),
            update_mask: Some(FieldMask { paths: paths.iter().map(|p| (*p).to_owned()).collect() }),
            ..UpdateActivityTypeRequest::default()
        })
    };
    let changed =
        server.types().update_activity_type(update("x", &["join", "default_alert"])).await;
    let changed = answer(changed).activity_type.expect("a type");
    assert_eq!((changed.join(), changed.app_may_start), (JoinRule::Open, Some(true)));
    assert_eq!(changed.default_alert.expect("an alert").title, "Flight");
    assert_eq!(changed.id_attribute, "activityId");
    let same = server.types().update_activity_type(update("activityRun", &["id_attribute"])).await;
    assert_eq!(wrong_fields(same), ["activity_type.run_attribute"]);
    let unknown = server.types().update_activity_type(update("", &["activity_type"])).await;
    assert_eq!(wrong_fields(unknown), ["update_mask.paths[0]"]);
    server.stop().await;
}

#[tokio::test]
async fn a_deleted_type_is_not_found_and_may_be_made_again() {
    let server = Server::start().await;
    answer(server.types().create_activity_type(server.request(create("flight_status"))).await);
    let delete = || {
        let activity_type = "flight_status".to_owned();
        server.request(DeleteActivityTypeRequest { activity_type, ..Default::default() })
    };
    answer(server.types().delete_activity_type(delete()).await);
    let gone = server.types().get_activity_type(server.request(get("flight_status"))).await;
    assert_eq!(refusal(gone), (Code::NotFound, "NOT_FOUND".to_owned()));
    assert_eq!(refusal(server.types().delete_activity_type(delete()).await).1, "NOT_FOUND");
    answer(server.types().create_activity_type(server.request(create("flight_status"))).await);
    server.stop().await;
}

#[tokio::test]
async fn types_are_listed_by_name_and_every_workspace_has_its_own() {
    let server = Server::start().await;
    for name in ["order", "flight", "taxi"] {
        answer(server.types().create_activity_type(server.request(create(name))).await);
    }
    let list = |page_token: &str| {
        let page_token = page_token.to_owned();
        ListActivityTypesRequest { page_size: 2, page_token }
    };
    let first = answer(server.types().list_activity_types(server.request(list(""))).await);
    let next = list(&first.next_page_token);
    let second = answer(server.types().list_activity_types(server.request(next)).await);
    let both = [first.activity_types, second.activity_types].concat();
    let names: Vec<&str> = both.iter().map(|kind| kind.activity_type.as_str()).collect();
    assert_eq!(names, ["flight", "order", "taxi"]);

    let other = server.workspace("other").await;
    let key = server.key(&other, &["activities:write"]).await;
    let found = server.types().get_activity_type(with_key(&key, get("flight"))).await;
    assert_eq!(refusal(found).1, "NOT_FOUND");
    answer(server.types().create_activity_type(with_key(&key, create("flight"))).await);
    server.stop().await;
}

#[tokio::test]
async fn reading_types_does_not_need_the_scope_for_writing() {
    let server = Server::start().await;
    let key = server.key("", &["activities:read"]).await;
    answer(
        server
            .types()
            .list_activity_types(with_key(&key, ListActivityTypesRequest::default()))
            .await,
    );
    let refused = server.types().create_activity_type(with_key(&key, create("flight"))).await;
    assert_eq!(refusal(refused), (Code::PermissionDenied, "SCOPE_MISSING".to_owned()));
    let bare = server
        .types()
        .create_activity_type(server.request(CreateActivityTypeRequest::default()))
        .await;
    assert_eq!(wrong_fields(bare), ["activity_type.activity_type"]);
    server.stop().await;
}

//! Activity types of a workspace. One that is not registered has every default.

use super::{Answered, Call, Page, PageRequest, Service, Subject};
use crate::clock::Time;
use crate::domain::activity_type::{ActivityType, Join};
use crate::domain::ids::WorkspaceId;
use crate::domain::push::Alert;
use crate::error::{Error, Result};
use crate::store::{On, activity_types};

/// What is said of a type; absent stays, and is the default in a new type.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the words of activity_type.proto")]
pub struct Settings {
    pub ios_attributes_type: Option<String>,
    pub id_attribute: Option<String>,
    pub run_attribute: Option<String>,
    pub default_alert: Option<Alert>,
    pub join: Option<Join>,
    pub app_may_start: Option<bool>,
}

/// Registers a type.
pub async fn create(
    service: &Service,
    call: &Call,
    name: String,
    settings: Settings,
) -> Result<Answered<ActivityType>> {
    let workspace = call.workspace;
    let done = service
        .mutate(call, move |tx, now| {
            let (name, settings) = (name.clone(), settings.clone());
            Box::pin(async move {
                if activity_types::find(tx, workspace, &name).await?.is_some() {
                    return Err(Error::already_exists("activity type", name));
                }
                let plain = ActivityType::unregistered(workspace, &name, now);
                activity_types::insert(tx, settings.applied_to(plain, now)?).await?;
                Ok(Subject::of(name))
            })
        })
        .await?;
    read(service, workspace, &done).await
}

/// One registered type.
pub async fn get(service: &Service, workspace: WorkspaceId, name: &str) -> Result<ActivityType> {
    find(service.store.reader(), workspace, name).await
}

/// The registered types of a workspace, by name.
pub async fn list(
    service: &Service,
    workspace: WorkspaceId,
    page: &PageRequest,
) -> Result<Page<ActivityType>> {
    let found = activity_types::list(service.store.reader(), workspace, page.rows()?).await?;
    Ok(Page::of(found, page, |kind| kind.name.clone()))
}

/// Changes a type, for starts to come.
pub async fn update(
    service: &Service,
    call: &Call,
    name: String,
    settings: Settings,
) -> Result<Answered<ActivityType>> {
    let workspace = call.workspace;
    let done = service
        .mutate(call, move |tx, now| {
            let (name, settings) = (name.clone(), settings.clone());
            Box::pin(async move {
                let present = activity_types::hold(tx, workspace, &name).await?;
                let present = present.ok_or_else(|| not_found(&name))?;
                activity_types::put(tx, settings.applied_to(present, now)?).await?;
                Ok(Subject::of(name))
            })
        })
        .await?;
    read(service, workspace, &done).await
}

/// Forgets a type: it has every default again.
pub async fn delete(service: &Service, call: &Call, name: String) -> Result<Answered<()>> {
    let workspace = call.workspace;
    service
        .mutate(call, move |tx, _| {
            let name = name.clone();
            Box::pin(async move {
                find(tx, workspace, &name).await?;
                activity_types::delete(tx, workspace, &name).await?;
                Ok(())
            })
        })
        .await
}

impl Settings {
    /// The type with these settings.
    fn applied_to(self, kind: ActivityType, now: Time) -> Result<ActivityType> {
        let changed = ActivityType {
            ios_attributes_type: self.ios_attributes_type.unwrap_or(kind.ios_attributes_type),
            id_attribute: self.id_attribute.unwrap_or(kind.id_attribute),
            run_attribute: self.run_attribute.unwrap_or(kind.run_attribute),
            default_alert: self.default_alert.unwrap_or(kind.default_alert),
            join: self.join.unwrap_or(kind.join),
            app_may_start: self.app_may_start.unwrap_or(kind.app_may_start),
            updated_at: now,
            ..kind
        };
        if changed.id_attribute == changed.run_attribute {
            return Err(Error::invalid_field(
                "activity_type.run_attribute",
                "must not be the attribute of the id",
            ));
        }
        Ok(changed)
    }
}

async fn find(on: &impl On, workspace: WorkspaceId, name: &str) -> Result<ActivityType> {
    let found = activity_types::find(on, workspace, name).await?;
    found.ok_or_else(|| not_found(name))
}

fn not_found(name: &str) -> Error {
    Error::not_found("activity type", name)
}

async fn read(
    service: &Service,
    workspace: WorkspaceId,
    done: &Answered<Subject>,
) -> Result<Answered<ActivityType>> {
    let kind = get(service, workspace, &done.answer.id::<String>()?).await?;
    Ok(Answered { answer: kind, replayed: done.replayed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_stays_and_the_two_attributes_stay_apart() {
        let plain = ActivityType::unregistered(WorkspaceId::generate(), "flight_status", Time(1));
        let named = Settings { id_attribute: Some("flightId".to_owned()), ..Settings::default() };
        let changed = named.applied_to(plain.clone(), Time(2)).expect("a good type");
        assert_eq!(changed.id_attribute, "flightId");
        assert_eq!(
            ActivityType { id_attribute: plain.id_attribute.clone(), ..changed },
            ActivityType { updated_at: Time(2), ..plain.clone() }
        );
        let same = Settings { id_attribute: Some("activityRun".to_owned()), ..Settings::default() };
        assert!(same.applied_to(plain, Time(2)).is_err());
    }
}

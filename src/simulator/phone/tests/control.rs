//! The control API over the wire.

use crate::proto::simulator_v1::fault::Action;
use crate::proto::simulator_v1::simulator_service_client::SimulatorServiceClient;
use crate::proto::simulator_v1::{self as proto, CardState, Fault, FaultHold, PhoneSpec};
use crate::simulator::sender::{BUNDLE, PATIENCE, World, read, start_token};
use tonic::Code;
use tonic::transport::Channel;

async fn control(world: &World) -> SimulatorServiceClient<Channel> {
    let url = format!("http://{}", world.simulator.control_address());
    SimulatorServiceClient::connect(url).await.unwrap()
}

#[tokio::test]
async fn the_simulator_says_how_to_use_it() {
    let world = World::new().await;
    let info = control(&world).await.get_info(proto::GetInfoRequest {}).await.unwrap().into_inner();
    assert_eq!(info.sandbox_url, world.simulator.sandbox_url());
    assert_eq!(info.production_url, world.simulator.production_url());
    assert_ne!(info.sandbox_url, info.production_url);
    assert!(info.ca_pem.starts_with("-----BEGIN CERTIFICATE"));
    let credential = info.credential.unwrap();
    assert!(credential.key_p8.starts_with("-----BEGIN PRIVATE KEY"));
    assert_eq!((credential.key_id.len(), credential.team_id.len()), (10, 10));
}

#[tokio::test]
async fn a_watcher_sees_a_phone_appear_and_change() {
    let world = World::new().await;
    let mut control = control(&world).await;
    let watched = control.watch_phones(proto::WatchPhonesRequest::default()).await.unwrap();
    let mut watched = watched.into_inner();
    let spec = PhoneSpec {
        device_id: "device-1".into(),
        bundle_id: BUNDLE.into(),
        os_version: "18.2".into(),
        templates: vec![proto::Template { activity_type: "taxi".into(), ..Default::default() }],
        ..Default::default()
    };
    let request = proto::CreatePhoneRequest { spec: Some(spec.clone()) };
    control.create_phone(request.clone()).await.unwrap();
    let phone = watched.message().await.unwrap().unwrap().phone.unwrap();
    assert_eq!((phone.phone_id.as_str(), phone.cards.len()), ("device-1", 0));
    assert_eq!(control.create_phone(request).await.unwrap_err().code(), Code::AlreadyExists);

    let start = proto::StartActivityRequest {
        phone_id: phone.phone_id.clone(),
        activity_type: "taxi".into(),
        attributes_json: "{}".into(),
        content_json: "{}".into(),
        channel_id: String::new(),
    };
    let card_id = control.start_activity(start).await.unwrap().into_inner().card_id;
    let phone_id = phone.phone_id;
    let dismiss = proto::DismissCardRequest { phone_id: phone_id.clone(), card_id };
    control.dismiss_card(dismiss).await.unwrap();
    let dismissed = async {
        loop {
            let phone = watched.message().await.unwrap().unwrap().phone.unwrap();
            if phone.cards.first().is_some_and(|card| card.state() == CardState::Dismissed) {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, dismissed).await.unwrap();
    let listed = control.list_phones(proto::ListPhonesRequest::default()).await.unwrap();
    assert_eq!(listed.into_inner().phones.len(), 1);
    let after = proto::ListPhonesRequest { after_phone_id: phone_id, page_size: 0 };
    assert!(control.list_phones(after).await.unwrap().into_inner().phones.is_empty());
}

#[tokio::test]
async fn a_fault_is_set_awaited_and_released() {
    let world = World::new().await;
    let phone = world.phone("18.2");
    let mut control = control(&world).await;
    let none = control.set_fault(proto::SetFaultRequest::default()).await.unwrap_err();
    assert_eq!(none.code(), Code::InvalidArgument);
    let fault = Fault { action: Some(Action::Hold(FaultHold {})), ..Fault::default() };
    let set = control.set_fault(proto::SetFaultRequest { fault: Some(fault) }).await.unwrap();
    let fault_id = set.into_inner().fault_id;

    let mut sender = world.sandbox().await;
    let post = world.post(&start_token(&phone), &world.start());
    let (answer, _stream) = sender.begin(&post).await.unwrap();
    let timeout = Some(PATIENCE.try_into().unwrap());
    let wait = proto::GetFaultRequest { fault_id, hits: 1, holding: 1, timeout };
    let held = control.get_fault(wait).await.unwrap().into_inner().fault.unwrap();
    assert_eq!((held.hits, held.holding, held.released), (1, 1, false));
    control.release_fault(proto::ReleaseFaultRequest { fault_id }).await.unwrap();
    assert_eq!(read(answer).await.unwrap().status, 200);
    let pushes = control.list_pushes(proto::ListPushesRequest::default()).await.unwrap();
    let pushes = pushes.into_inner();
    assert_eq!((pushes.received, pushes.pushes[0].fault_id), (1, fault_id));
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let world = World::new().await;
    let mut control = control(&world).await;
    let phone_id = || "nobody".to_owned();
    let phone = control.get_phone(proto::GetPhoneRequest { phone_id: phone_id() }).await;
    assert_eq!(phone.unwrap_err().code(), Code::NotFound);
    let launched = control.launch(proto::LaunchRequest { phone_id: phone_id() }).await;
    assert_eq!(launched.unwrap_err().code(), Code::NotFound);
    let killed = control.kill_token(proto::KillTokenRequest { token: "80".into() }).await;
    assert_eq!(killed.unwrap_err().code(), Code::NotFound);
    let fault =
        control.get_fault(proto::GetFaultRequest { fault_id: 9, ..Default::default() }).await;
    assert_eq!(fault.unwrap_err().code(), Code::NotFound);
    let released = control.release_fault(proto::ReleaseFaultRequest { fault_id: 9 }).await;
    assert_eq!(released.unwrap_err().code(), Code::NotFound);
}

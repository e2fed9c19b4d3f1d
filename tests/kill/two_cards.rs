//! A start that was taken and never answered: nobody knows, so a minute later there are two cards, and then one.

use crate::check;
use crate::flight::{Flight, Role, Step, Traveller};
use crate::random::Random;
use crate::world::{World, said_everything};
use tidings::proto::simulator_v1::{self as sim, fault::Action};

/// Every third one of them is answered.
const PHONES: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_cards_after_a_kill_one_is_ended() {
    let mut world = World::start().await;
    let mut client = world.activities();
    // The connection takes more than one push at a time once a push of it was answered.
    let mut warm = Flight::board(&world, "W", &mut Random::new(1)).await;
    assert!(warm.ask(&mut client, Step::Start).await);
    warm.all_have_cards().await;

    let mut travellers = Vec::new();
    for index in 0..PHONES {
        let phone = world.phone_with(sim::PhoneSpec {
            device_id: format!("T-{index}"),
            os_version: "18.2".to_owned(),
            contact_key: Some("T".to_owned()),
            hold_tokens: true,
            ..sim::PhoneSpec::default()
        });
        said_everything(&phone).await;
        if index % 3 == 0 {
            phone.release_tokens();
            travellers.push(Traveller { phone, role: Role::Pushed, ended: None });
            continue;
        }
        world.simulator.set_fault(sim::Fault {
            phone_id: phone.id(),
            count: 1,
            take: true,
            action: Some(Action::Hold(sim::FaultHold {})),
            ..sim::Fault::default()
        });
        travellers.push(Traveller { phone, role: Role::Late, ended: None });
    }
    let mut flight = Flight::new("T", "T", travellers);
    assert!(flight.ask(&mut client, Step::Start).await);
    flight.all_have_cards().await;
    world.process.kill();
    world.restart().await;
    world.simulator.release_fault(None);
    assert!(flight.ask(&mut world.activities(), Step::Update { alerts: false }).await);

    let mut flights = [warm, flight];
    check::everything_arrives(&world, &mut flights).await;
    let late = flights[1].travellers.iter().filter(|traveller| traveller.role == Role::Late);
    for traveller in late {
        let cards = traveller.phone.snapshot().cards.len();
        assert_eq!(cards, 2, "{}: the start was repeated", traveller.phone.id());
    }
    world.stop().await;
}

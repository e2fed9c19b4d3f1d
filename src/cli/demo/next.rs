//! What a reader may try on the demo that stays up: lines that work as they stand.

use super::flight::ACTIVITY;
use super::phones::IPHONE_18;
use super::world::World;

pub(super) fn print(world: &World) {
    let (grpc, http, control) =
        (world.grpc_address(), world.http_address(), world.control_address());
    let service = "tidings.v1.LiveActivityService";
    let simulator = "tidings.simulator.v1.SimulatorService";
    let update =
        format!(r#"{{"activity_id": "{ACTIVITY}", "content_state": {{"status": "Gate A1"}}}}"#);
    let who = format!(r#"{{"activity_id": "{ACTIVITY}"}}"#);
    let phone = format!(r#"{{"phone_id": "{IPHONE_18}"}}"#);
    let key = r#"-H "authorization: Bearer $TIDINGS_KEY""#;
    let buf = "buf curl --protocol grpc --http2-prior-knowledge";
    println!(
        "
The server, the simulator and the phones stay up until Ctrl-C; nothing of them stays after that.

  gRPC               {grpc}
  HTTP               http://{http} (/livez, /readyz, /version)
  simulator control  {control} (gRPC, without a key)

The key of this server, for its lines below and for those of the README:

  export TIDINGS_KEY={key_text}

{ACTIVITY} is in its run 2. Change it, see who has it, and look at a phone's screen:

  grpcurl -plaintext {key} -d '{update}' {grpc} {service}/UpdateActivity
  grpcurl -plaintext {key} -d '{who}' {grpc} {service}/ListSubscriptions
  grpcurl -plaintext -d '{phone}' {control} {simulator}/GetPhone

The same with buf:

  {buf} {key} -d '{update}' http://{grpc}/{service}/UpdateActivity
  {buf} {key} -d '{who}' http://{grpc}/{service}/ListSubscriptions
  {buf} -d '{phone}' http://{control}/{simulator}/GetPhone
",
        key_text = world.key(),
    );
}

/**
 * Keeps one Live Activity true: starts it, streams what changes, watches it, and ends it.
 *
 * Ends with exit code 1 where the server answers anything else than a flight needs.
 */

import { randomUUID } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";

import { ActivityState, type Progress } from "../gen/tidings/v1/live_activity_pb.js";
import {
  StreamUpdatesRequestSchema,
  type StreamUpdatesRequest,
  type StreamUpdatesResponse,
} from "../gen/tidings/v1/live_activity_service_pb.js";
import { call, connect, describe, errorOf, pauseOrThrow, STREAM_MS, violations, type Activities } from "./calls.js";

const FLIGHT_MS = 120_000;

async function fly(): Promise<void> {
  const activities = connect();
  const activityId = `FLIGHT_${randomUUID().replaceAll("-", "")}`;
  await start(activities, activityId);
  const rest = async () => {
    await mistake(activities, activityId);
    await streamUpdates(activities, changes(activityId));
    await end(activities, activityId);
  };
  await Promise.all([watch(activities, activityId), rest()]);
}

/** Puts the flight on every device of one person. */
async function start(activities: Activities, activityId: string): Promise<void> {
  const request = {
    // What the call is about, not a random number: a program that was restarted repeats it too.
    requestId: `${activityId}/start`,
    activityId,
    activityType: "flight_status",
    attributes: { flight: "TK1985" },
    contentState: { status: "Scheduled" },
    audience: { contactKeys: [process.env.TIDINGS_CONTACT ?? "ayse"] },
    alert: { title: "TK1985", body: "Istanbul to London" },
  };
  const answer = await call((options) => activities.startActivity(request, options));
  console.log(`started ${activityId}: run ${answer.activity?.run}, replayed ${answer.replayed}`);
}

/** Shows what a refused call says: its reason, and every field that is wrong. */
async function mistake(activities: Activities, activityId: string): Promise<void> {
  const request = {
    requestId: `${activityId}/mistake`,
    activityId,
    contentState: { status: "Boarding" },
    contentStateJson: "{}",
    alert: { title: "x".repeat(300) },
  };
  const accepted = await call((options) => activities.updateActivity(request, options)).catch((thrown: unknown) => {
    const error = ConnectError.from(thrown);
    if (error.code !== Code.InvalidArgument || violations(error).length < 2) {
      throw thrown;
    }
    console.log(`refused, as it should be: ${describe(error)}`);
  });
  if (accepted) {
    throw new Error("a wrong update was accepted");
  }
}

/** What happens to the flight, and a change of one that nobody started. */
function changes(activityId: string): StreamUpdatesRequest[] {
  const planned = [
    [activityId, "Gate B12"],
    [activityId, "Boarding"],
    [`${activityId}_NOWHERE`, "Boarding"],
    [activityId, "Departed"],
  ] as const;
  return planned.map(([changed, status], index) => {
    const sequence = BigInt(index + 1);
    const update = {
      requestId: `${activityId}/change/${sequence}`,
      activityId: changed,
      contentState: { status },
    };
    return create(StreamUpdatesRequestSchema, { sequence, item: { case: "update", value: update } });
  });
}

/** Sends the items on one stream, and those without an answer again where it breaks. */
async function streamUpdates(activities: Activities, items: StreamUpdatesRequest[]): Promise<void> {
  const unanswered = new Map(items.map((item) => [item.sequence, item]));
  async function* requests() {
    yield* [...unanswered.values()];
  }
  for (let attempt = 1; unanswered.size > 0; attempt++) {
    try {
      for await (const answer of activities.streamUpdates(requests(), { timeoutMs: STREAM_MS })) {
        unanswered.delete(answer.sequence);
        show(answer);
      }
    } catch (error) {
      await pauseOrThrow(error, attempt);
      continue;
    }
    if (unanswered.size > 0) {
      throw new Error(`the server left ${unanswered.size} items unanswered`);
    }
  }
}

function show({ sequence, result }: StreamUpdatesResponse): void {
  if (result.case === "update") {
    console.log(`change ${sequence}: revision ${result.value.revision}`);
  } else if (result.case === "error") {
    // One bad item does not end the stream; it has the very status of a call.
    console.log(`change ${sequence} was refused: ${describe(errorOf(result.value))}`);
  }
}

/** Lands the flight; its card stays for 15 minutes. */
async function end(activities: Activities, activityId: string): Promise<void> {
  const request = {
    requestId: `${activityId}/end`,
    activityId,
    contentState: { status: "Landed" },
    dismissal: { after: { seconds: 900n } },
  };
  const answer = await call((options) => activities.endActivity(request, options));
  const time = answer.dismissTime && timestampDate(answer.dismissTime).toISOString();
  console.log(`ended: revision ${answer.revision}, off the screen at ${time}`);
}

/** Follows the activity until it has ended and every end has settled. */
async function watch(activities: Activities, activityId: string): Promise<void> {
  let state: ActivityState | undefined;
  for (let attempt = 1; ; attempt++) {
    try {
      for await (const { activity, progress } of activities.watchActivity({ activityId })) {
        state = activity?.state;
        console.log(`seen: revision ${activity?.revision}, ${counts(progress)}`);
      }
      break;
    } catch (error) {
      // A broken watch is called again: its first message is the present state.
      await pauseOrThrow(error, attempt);
    }
  }
  if (state !== ActivityState.ENDED) {
    throw new Error("the watch ended before the activity");
  }
  console.log("the flight has landed on every device that could be reached");
}

/** How far the newest revision has come, over all routes. */
function counts(progress: Progress | undefined): string {
  const routes = progress?.routes ?? [];
  const accepted = routes.reduce((sum, route) => sum + route.accepted, 0n);
  const pending = routes.reduce((sum, route) => sum + route.pending, 0n);
  return `${accepted} accepted, ${pending} pending`;
}

function fail(error: unknown): never {
  console.error(`the flight failed: ${error instanceof ConnectError ? describe(error) : error}`);
  process.exit(1);
}

setTimeout(() => fail(new Error(`no end after ${FLIGHT_MS} ms`)), FLIGHT_MS).unref();
fly().then(() => process.exit(0), fail);

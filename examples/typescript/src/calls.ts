/** The connection, deadlines, retries by `requestId`, and what an error says. */

import { setTimeout as pause } from "node:timers/promises";
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";

import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
  type BadRequest_FieldViolation,
} from "../gen/google/rpc/error_details_pb.js";
import type { Status } from "../gen/google/rpc/status_pb.js";
import { LiveActivityService } from "../gen/tidings/v1/live_activity_service_pb.js";

export const STREAM_MS = 30_000;
const CALL_MS = 5_000;
const ATTEMPTS = 5;
const FIRST_PAUSE_MS = 200;
/** Node calls a stream cancelled whose connection was lost; nothing is cancelled on purpose here. */
const PASSING = [Code.Unavailable, Code.DeadlineExceeded, Code.Canceled];

/** A client whose calls and streams carry the key; without TLS, for the example talks to 127.0.0.1. */
export function connect() {
  const key = process.env.TIDINGS_KEY;
  if (!key) {
    throw new Error("TIDINGS_KEY is not set");
  }
  const authorize: Interceptor = (next) => (request) => {
    request.header.set("authorization", `Bearer ${key}`);
    return next(request);
  };
  const address = process.env.TIDINGS_ADDRESS ?? "127.0.0.1:50051";
  const transport = createGrpcTransport({ baseUrl: `http://${address}`, interceptors: [authorize] });
  return createClient(LiveActivityService, transport);
}

export type Activities = ReturnType<typeof connect>;

/**
 * Repeats a call until another try would not change its answer; each try has a deadline of its own.
 *
 * That is safe because the request has a `requestId`: the server answers a repeat with the first answer.
 */
export async function call<Answer>(method: (options: { timeoutMs: number }) => Promise<Answer>): Promise<Answer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await method({ timeoutMs: CALL_MS });
    } catch (error) {
      await pauseOrThrow(error, attempt);
    }
  }
}

/**
 * Waits before the next try, as long as the server asks or twice as long each time. Throws the error where a try more
 * would change nothing.
 */
export async function pauseOrThrow(thrown: unknown, attempt: number): Promise<void> {
  const error = ConnectError.from(thrown);
  const passes = PASSING.includes(error.code) || reason(error) === "REQUEST_IN_PROGRESS";
  if (attempt === ATTEMPTS || !passes) {
    throw thrown;
  }
  const asked = detail(error, RetryInfoSchema)?.retryDelay;
  const ms = asked ? durationMs(asked) : FIRST_PAUSE_MS * 2 ** attempt * (1 + Math.random());
  console.error(`trying again in ${Math.round(ms)} ms: ${describe(error)}`);
  await pause(ms);
}

/** The status of a stream's item, as the error that a call would have thrown. */
export function errorOf(status: Status): ConnectError {
  const error = new ConnectError(status.message, status.code);
  error.details = status.details.map(({ typeUrl, value }) => ({ type: typeUrl.replace(/^.*\//, ""), value }));
  return error;
}

/** An error with its reason and every field that is wrong. */
export function describe(thrown: unknown): string {
  const error = ConnectError.from(thrown);
  const lines = violations(error).map(({ field, description }) => `  ${field}: ${description}`);
  return [`${Code[error.code]} ${reason(error)}: ${error.rawMessage}`, ...lines].join("\n");
}

/** Why the call was refused, as in docs/ERRORS.md. */
function reason(error: ConnectError): string {
  return detail(error, ErrorInfoSchema)?.reason ?? "";
}

/** Every field that is wrong. */
export function violations(error: ConnectError): BadRequest_FieldViolation[] {
  return detail(error, BadRequestSchema)?.fieldViolations ?? [];
}

function detail<Schema extends DescMessage>(error: ConnectError, schema: Schema): MessageShape<Schema> | undefined {
  return error.findDetails(schema)[0];
}

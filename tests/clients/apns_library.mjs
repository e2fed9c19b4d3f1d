// Sends the pushes of a job (JSON on standard input) with a public APNs library and prints each answer as JSON.
//
// The job: {address, port, ca, key, keyId, teamId, pushes: [{token, topic, pushType, priority, aps}]}.

import apn from "@parse/node-apn";
import { readFileSync } from "node:fs";

const job = JSON.parse(readFileSync(0, "utf8"));
const provider = new apn.Provider({
  address: job.address,
  port: job.port,
  ca: job.ca,
  token: { key: job.key, keyId: job.keyId, teamId: job.teamId },
});

const answers = [];
for (const push of job.pushes) {
  const notification = new apn.Notification();
  notification.topic = push.topic;
  notification.pushType = push.pushType;
  notification.priority = push.priority;
  notification.expiry = Math.floor(Date.now() / 1000) + 3600;
  notification.rawPayload = { aps: push.aps };
  const { sent, failed } = await provider.send(notification, push.token);
  const failure = failed[0];
  answers.push({
    accepted: sent.length === 1,
    status: failure?.status,
    reason: failure?.response?.reason ?? failure?.error?.message,
  });
}
provider.shutdown();
console.log(JSON.stringify(answers));

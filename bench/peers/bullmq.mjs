// BullMQ: Queue.add, Worker.getNextJob, Job.moveToCompleted, by callers in one process. They share
// a connection of each kind, on which the client sends what has gathered at once: its fastest way.

import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { content, measure, waiting } from './cycles.mjs';

const connect = () => new Redis(process.env.REDIS_SOCKET, { maxRetriesPerRequest: null });
const queue = new Queue('invoices', { connection: connect() });
const worker = new Worker('invoices', null, { connection: connect(), autorun: false });
await worker.waitUntilReady();
for (const list of waiting()) {
  await queue.addBulk(list.map((data) => ({ name: 'invoice', data })));
}
await measure(async (caller, number) => {
  const token = `caller-${caller}`;
  await queue.add('invoice', content(number));
  const job = await worker.getNextJob(token, { block: false });
  await job.moveToCompleted({ Voucher: '4711-0815', Booked: true }, token, false);
});
// Its timers would keep the process.
process.exit(0);

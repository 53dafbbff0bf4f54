// pg-boss: send, fetch, complete, by callers in one process with a connection each.

import { PgBoss } from 'pg-boss';
import { callers, content, measure, waiting } from './cycles.mjs';

const boss = new PgBoss({ connectionString: process.env.POSTGRES, max: callers });
boss.on('error', (error) => {
  console.error(error);
  process.exit(1);
});
await boss.start();
await boss.createQueue('invoices');
for (const list of waiting()) {
  await boss.insert('invoices', list.map((data) => ({ data })));
}
await measure(async (_, number) => {
  await boss.send('invoices', content(number));
  const [job] = await boss.fetch('invoices');
  await boss.complete('invoices', job.id, { Voucher: '4711-0815', Booked: true });
});
// Its timers would keep the process.
process.exit(0);

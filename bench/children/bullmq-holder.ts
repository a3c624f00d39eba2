// A process with a job of BullMQ in hand that it never finishes: says so, and waits to be killed.
//
// argv: socket of the Redis server

import { rivalPackage } from '../rivals'
import { BULLMQ_QUEUE, SHORT_LOCKS } from '../rivals/bullmq'

const { Worker } = rivalPackage('bullmq')
const connection = { path: process.argv[2], maxRetriesPerRequest: null }
const hold = async () => {
  process.send!('held')
  await new Promise(() => {})
}
new Worker(BULLMQ_QUEUE, hold, { connection, ...SHORT_LOCKS })

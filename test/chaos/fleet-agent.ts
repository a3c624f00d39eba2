// The agent of a machine in a fleet's round.

import { Fleet } from '../../lib'
import { again, takeOrders } from './fleet-role'

async function main(): Promise<void> {
  const role = takeOrders()
  const { url, machine, boardDir, sessionMs, history } = role
  const options = { boards: [boardDir], name: machine, intervalMs: 200, sessionTimeoutMs: sessionMs }
  await again(() => Fleet.join(url, { ...options, connectTimeoutMs: 5000 }), role)
  history.write({ op: 'up', machine })
  process.send!('ready')
}

void main()

// Starts workers on a board, kills one after the other, and has a witness say when each was gone: a
// process of its own that blocks in the kernel on a pidfd of its own.

import path from 'node:path'
import { ended, nextMessage, startNode } from '../harness/machine'

const [dir, deaths] = process.argv.slice(2)

async function killOne(id: string): Promise<number> {
  const victim = startNode(path.join(__dirname, 'victim.js'), [dir!, id], undefined)
  await nextMessage(victim)
  const witness = startNode(path.join(__dirname, 'witness.js'), [String(victim.pid)], undefined)
  await nextMessage(witness)
  const testimony = nextMessage<number>(witness)
  victim.kill('SIGKILL')
  const readyAt = await testimony
  await ended(witness)
  await ended(victim)
  return readyAt
}

async function main(): Promise<void> {
  for (let i = 0; i < Number(deaths); i++) process.send!([`victim-${i}`, await killOne(`victim-${i}`)])
  process.disconnect()
}

process.on('disconnect', () => process.exit())
void main()

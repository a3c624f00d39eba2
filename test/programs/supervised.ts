// Starts commands through the supervisor as `rollcall work` does, tells their pids, and waits to be killed.

import { Supervisor } from '../../lib/cli/support/supervisor'

async function main(): Promise<void> {
  const supervisor = new Supervisor()
  const stubborn = "trap '' TERM; while :; do sleep 1; done"
  // Where setsid(1) leads a group it forks, and what it starts is a daemon's child, which nobody can tell from others.
  const away = 'setsid sh -c "echo \\$\\$; exec sleep 997" & wait'
  const scripts = [stubborn, 'sleep 999', 'set -m; sleep 998 & wait', away]
  const pids: number[] = []
  const told = new Promise<number>((resolve) => {
    const onOutput = (_: number, bytes: Buffer) => resolve(Number(bytes.toString()))
    void Promise.all(
      scripts.map(async (script) => {
        pids.push(await supervisor.start({ words: ['bash', '-c', script], onOutput }).pid)
      }),
    )
  })
  const pid = await told
  process.send!([...pids, pid])
}

void main()

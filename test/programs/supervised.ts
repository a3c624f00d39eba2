// Starts commands through the supervisor as `rollcall work` does, tells their pids, and waits to be killed.

import { Supervisor } from '../../lib/cli/support/supervisor'

async function main(): Promise<void> {
  const supervisor = new Supervisor()
  const stubborn = "trap '' TERM; while :; do sleep 1; done"
  const scripts = [stubborn, 'sleep 999', 'set -m; sleep 998 & setsid sh -c "echo \\$\\$; exec sleep 997" & wait']
  const pids: number[] = []
  const told = new Promise<number>((resolve) => {
    const onOutput = (_: number, bytes: Buffer) => resolve(Number(bytes.toString()))
    void Promise.all(
      scripts.map(async (script) => {
        pids.push((await supervisor.start({ words: ['bash', '-c', script], onOutput })).pid)
      }),
    )
  })
  const away = await told
  process.send!([...pids, away])
}

void main()

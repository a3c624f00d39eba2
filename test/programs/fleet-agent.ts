// The agent of a machine in a process of its own, to be stopped, cut off and killed.

import { Fleet, type FleetMember, type JoinOptions } from '../../lib'

const [url, options] = process.argv.slice(2) as [string, string]
let member: FleetMember | undefined

process.on('message', async () => {
  await member?.leave()
  process.exit(0)
})
process.on('disconnect', () => process.exit(0))

Fleet.join(url, JSON.parse(options) as JoinOptions).then((joined) => {
  member = joined
  process.send!(joined.id)
})

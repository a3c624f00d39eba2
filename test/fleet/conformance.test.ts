// What a fleet promises, on both kinds of store.

import { join } from 'node:path'
import { fleetConformance } from '../conformance/fleet'
import { describeZookeeper, uniqueUrl } from '../support/queue'
import { tempDir } from '../support/temp-dir'

fleetConformance({ name: 'local:', freshUrl: async () => `local:${join(tempDir(), 'fleet')}` })

describeZookeeper('On a server', () => {
  fleetConformance({ name: 'zk://', freshUrl: uniqueUrl })
})

// What a fleet works with. Fleet loads it when the first one is joined or opened.

export { openStore } from '../queue/connect'
export { Agent } from './agent'
export { checkForgetOptions, checkJoinOptions, checkViewOptions, checkWatchOptions } from './check-options'
export { FleetMember } from './member'
export { findFleet, forgetByName } from './root'
export { Viewer } from './viewer'
export { FleetWatcher } from './watcher'

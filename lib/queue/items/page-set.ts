// The pages of one incarnation, as one handle sees them: their states, their items, which are unfinished, where
// the next item comes from and how leases end. Each part is a file of its own.

import type { Incarnation } from '../incarnation/incarnation'
import { Adder } from './adder'
import { ItemCache } from './item-cache'
import { OpenPages } from './open-pages'
import { PageChooser } from './page-chooser'
import { PageStates } from './page-states'
import { Settlements } from './settlements'

export class PageSet {
  readonly states: PageStates
  readonly items: ItemCache
  readonly open: OpenPages
  readonly chooser: PageChooser
  readonly settlements: Settlements
  readonly adder: Adder

  constructor(incarnation: Incarnation) {
    this.states = new PageStates(incarnation)
    this.items = new ItemCache(incarnation, (page) => this.states.cached(page)?.size)
    this.open = new OpenPages(incarnation, this.states)
    this.chooser = new PageChooser(incarnation, this.states, this.open)
    this.adder = new Adder(incarnation, this.states)
    this.settlements = new Settlements(incarnation, this.states, this.open)
  }
}

# Why a command cannot be done now.

this-console-is-read = this console is read-only
there-is-no-connection = there is no connection to the instance
no-series-is-chosen = no series is chosen
there-is-no-sla = there is no SLA set yet: create one with `new-set`
no-objective-is-chosen = no objective is chosen
the-chosen-objective-is = the chosen objective is about one series
no-editor-was-found = no editor was found: set $VISUAL or $EDITOR
nothing-was-changed = nothing was changed
there-is-nothing-to = there is nothing to undo
there-is-nothing-to-do = there is nothing to do again
choose-a-row-about = choose a row about one objective
this-is-where-you = this is where you began
this-is-the-newest = this is the newest place
the-chosen-run-has = the chosen run has ended
no-series-of-the = no series of the chosen run failed
the-instance-has-not-introduced = the instance has not said yet what it does: again in a moment
this-instance-does-not = this instance does not watch the weather: see [weather] in its configuration
choose-a-city-to = choose a city to which you have one subscription; the tab SLA sets lists all

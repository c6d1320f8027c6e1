# Where a command works: titles of the help.

global = global
list = list
now = now
timeline = timeline
metrics = metrics
detail = detail
sets = sets
past = past
future = future
runs = runs
weather = weather
form = form
confirm = confirm
choosing = choosing

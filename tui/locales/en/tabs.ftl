# The row of tabs: all seven and their digits stand in 80 columns. Below 60 only the last word is shown.

now = Now
metrics = Metrics
sets = SLA sets
past = Past
future = Future
runs = Runs
weather = Weather

# The way to the instance.

the-instance-does-not = the instance does not answer
the-instance-speaks-api = the instance speaks API level { $api-level }, this console { $own }: start another with --instance NAME
it-took-too-long = it took too long and was given up
this-instance-cannot-do = this instance cannot do that: its role is not running there
there-is-no-connection = there is no connection to the instance
no-answer-within-s = no answer within { $seconds } s
log-has-the-words = `:log` has the words; r reads again
this-console-failed-while = this console failed while it read the answer
the-instance-ended-the = the instance ended the stream
the-instance-gave-an = the instance gave an answer of another kind ({ $kind }): is it of the same version?
no-heartbeat-came = no heartbeat came
lost-before-the-answer = the connection was lost before the answer came: look whether it was done before you ask again

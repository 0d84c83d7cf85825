"""Running the course: which lessons there are, executing them in order, rewriting them.

``python -m helpers.course --help`` lists what it does. No lesson needs anything from here, and it
drives the local cloud only from outside, by the ``localcloud`` command.
"""

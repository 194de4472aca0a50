"""What is wrong between resources that are sound in themselves, before anything runs. Pure.

resources.py     references that lead nowhere, and what keeps a resource from using another
uses.py          prompts that use each other in a circle, or too many
workflows.py     all that is wrong between a workflow and what it refers to, of which each of these tells a part:
bindings.py      what nodes give, against what prompts and sub-workflows take
types.py         types of what nodes give and get
capabilities.py  models that are retired, or lack what a node needs
window.py        prompts that don't fit every model's window
cost.py          what a run may cost, over the limit
children.py      sub-workflows in a circle, too deep, or slower than their node waits
collections.py   collections that are searched, and nobody fills
known.py         what the references of a workflow lead to
texts.py         what is known of a prompt's text before it is rendered
"""

from headrace.links.known import UNKNOWN, Collections
from headrace.links.resources import link_faults, spec_faults
from headrace.links.workflows import linked_faults

__all__ = ["UNKNOWN", "Collections", "link_faults", "linked_faults", "spec_faults"]

"""One process of the meter counts, the others stand by.

A budget's alert needs the sums of all partitions, so all of them belong to one process. Faust would share them out.
"""

from collections.abc import Mapping
from typing import Any

import faust.assignor
from faust.assignor.client_assignment import ClientAssignment, ClientMetadata

Members = Mapping[str, Any]


class OneAtATime(faust.assignor.PartitionAssignor):
    """Gives all partitions to the member that has them, or to one when nobody has; the others get none."""

    def _perform_assignment(self, cluster: Any, members: Members) -> dict[str, Any]:
        known = {member: ClientMetadata.loads(metadata.user_data) for member, metadata in members.items()}
        counting = whose_turn(known)
        given = super()._perform_assignment(cluster, {counting: members[counting]})
        seen = ClientMetadata.loads(self._decompress(given[counting].user_data))
        self._update_member_urls(known)
        others = {member: ClientAssignment(actives={}, standbys={}) for member in members if member != counting}
        nothing = self._protocol_assignments(
            others, seen.changelog_distribution, seen.external_topic_distribution, seen.topic_groups
        )
        return {**given, **nothing}


def whose_turn(members: Mapping[str, ClientMetadata]) -> str:
    """The member that has partitions; the first by name when that is nobody or, after a quarrel, several."""
    return min(members, key=lambda member: (not members[member].assignment.active_tps, member))

package node

import (
	"fmt"

	"github.com/VictoriaMetrics/metrics"

	"dunnock/gossip/view"
	"dunnock/probe"
)

// MemberGauges adds dunnock_members{role,state}: the membership as this node sees it.
func MemberGauges(set *metrics.Set, current func() *view.View) {
	for _, role := range []probe.Role{probe.RoleScheduler, probe.RoleWorker} {
		for _, state := range []view.State{view.Active, view.Draining} {
			set.NewGauge(fmt.Sprintf("dunnock_members{role=%q,state=%q}", role, state), func() float64 {
				v := current()
				members := v.Workers()
				if role == probe.RoleScheduler {
					members = v.Schedulers()
				}
				n := 0
				for i := range members {
					if members[i].State == state {
						n++
					}
				}
				return float64(n)
			})
		}
	}
}

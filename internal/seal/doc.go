// Package seal owns how the few secrets that the state store must hold are written there, so that nobody who can read the
// store, a snapshot of it or a backup can read them: those in the settings of embedders, which the cluster needs again
// whenever a node begins anew.
//
// A Box has one key that seals and any number that open, so that keys can be changed while everything runs. A sealed
// secret names its key by a fingerprint, and opens only at the place that it was sealed for: it can not be moved to a
// record that shows it. What has the form of a seal but was made by nobody who has the key never opens.
//
// Keys come from the environment: MIROIR_STATE_SEAL_KEY seals, MIROIR_STATE_SEAL_KEY_PREVIOUS opens too, and without the
// first the node master key, which all processes have, takes its part.
package seal

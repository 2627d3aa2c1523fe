// Package page cuts a listing, which a backend yields whole and in any order,
// into the pages that the CSI specification asks for (ListVolumes,
// ListSnapshots).
//
// Entries are sorted by id, and a token says after which id the next page
// begins. So paging is exact however many entries come and go between two
// pages: nothing is listed twice, and nothing that was there all the time is
// left out. Tokens survive a restart of the driver and hold in every replica.
package page

// SPDX-License-Identifier: BSD-2-Clause
// Takes the place of the VMGENID table of QEMU's firmware: the same generation-id device, and a VMClock device (a page of
// guest memory) that is notified together with it. Both addresses are filled in by the lab when it knows the guest's memory
// size (search for the two values; they occur once as a name's value, and as the bounds of the page).
DefinitionBlock ("vmclock.aml", "SSDT", 1, "BOCHS ", "VMGENID", 0x00000099)
{
    Name (VGIA, 0x51DE0000)
    Scope (\_SB)
    {
        Device (VGEN)
        {
            Name (_HID, "QEMU0001")
            Name (_CID, "VM_Gen_Counter")
            Name (_DDN, "VM_Gen_Counter")
            Method (_STA, 0, NotSerialized) { Return (0x0F) }
            Method (ADDR, 0, NotSerialized)
            {
                Store (Package (0x02) { 0, 0 }, Local0)
                Store (Add (VGIA, 0x28), Index (Local0, 0))
                Store (Zero, Index (Local0, 1))
                Return (Local0)
            }
        }
        Device (VCLK)
        {
            Name (_HID, "AMZNC10C")
            Name (_CID, "VMCLOCK")
            Name (_DDN, "VMCLOCK")
            Method (_STA, 0, NotSerialized) { Return (0x0F) }
            Name (_CRS, ResourceTemplate ()
            {
                QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadOnly,
                    0x0, 0x52DE0000, 0x52DE0FFF, 0x0, 0x1000)
            })
        }
    }
    Scope (\_GPE)
    {
        Method (_E05, 0, NotSerialized)
        {
            Notify (\_SB.VGEN, 0x80)
            Notify (\_SB.VCLK, 0x80)
        }
    }
}

//! A processor's registers as the trace tells them: KVM's structures, field by field, in their order.

use kvm_bindings::{kvm_dtable, kvm_regs, kvm_segment, kvm_sregs};
use serde_json::{Value, json};

/// struct kvm_regs.
pub fn registers(regs: &kvm_regs) -> Value {
    json!({
        "rax": regs.rax, "rbx": regs.rbx, "rcx": regs.rcx, "rdx": regs.rdx, "rsi": regs.rsi, "rdi": regs.rdi,
        "rsp": regs.rsp, "rbp": regs.rbp, "r8": regs.r8, "r9": regs.r9, "r10": regs.r10, "r11": regs.r11,
        "r12": regs.r12, "r13": regs.r13, "r14": regs.r14, "r15": regs.r15, "rip": regs.rip, "rflags": regs.rflags,
    })
}

/// struct kvm_sregs.
pub fn segments(sregs: &kvm_sregs) -> Value {
    json!({
        "cs": segment(&sregs.cs), "ds": segment(&sregs.ds), "es": segment(&sregs.es), "fs": segment(&sregs.fs),
        "gs": segment(&sregs.gs), "ss": segment(&sregs.ss), "tr": segment(&sregs.tr), "ldt": segment(&sregs.ldt),
        "gdt": table(&sregs.gdt), "idt": table(&sregs.idt), "cr0": sregs.cr0, "cr2": sregs.cr2, "cr3": sregs.cr3,
        "cr4": sregs.cr4, "cr8": sregs.cr8, "efer": sregs.efer, "apic_base": sregs.apic_base,
        "interrupt_bitmap": sregs.interrupt_bitmap,
    })
}

fn segment(segment: &kvm_segment) -> Value {
    json!({
        "base": segment.base, "limit": segment.limit, "selector": segment.selector, "type": segment.type_,
        "present": segment.present, "dpl": segment.dpl, "db": segment.db, "s": segment.s, "l": segment.l,
        "g": segment.g, "avl": segment.avl, "unusable": segment.unusable,
    })
}

fn table(table: &kvm_dtable) -> Value {
    json!({"base": table.base, "limit": table.limit})
}

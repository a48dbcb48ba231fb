# What Julia's compiler makes of a statement: lowered, inferred, native code. Internals all of it; their table is in internals.jl.

lower(x, path::String, line::Int) =
    ccall(:jl_expand_with_loc_warn, Any, (Any, Any, Cstring, Cint), x, Main, path, line)

# Whether Julia compiles this rather than interpret it: it jumps back, or says so (`body_attributes`, src/toplevel.c). From 1.12 on
# what declares a global is interpreted.
is_compiled(code::Core.CodeInfo) =
    !any(declares_global, code.code) && any(i -> jumps_back(code.code[i], i) || is_forced(code.code[i]), 1:length(code.code))
jumps_back(x, at::Int) = x isa Core.GotoNode ? x.label <= at : x isa Core.GotoIfNot && x.dest <= at
is_forced(x) = x isa Expr && x.head === :meta && :force_compile in x.args

# ---- type inference ----

# The world in which Julia's type inference runs: not ours, so what packages define does not change it.
inference_world() = try unsafe_load(cglobal(:jl_typeinf_world, UInt)) catch; UInt(0) end
const INFERENCE_WORLD = inference_world()
const JULIAS_INFERENCE = isdefined(Core.Compiler, :typeinf_ext_toplevel) ? Core.Compiler.typeinf_ext_toplevel : nothing
const HAS_UNINFERRED = hasfield(Core.MethodInstance, :uninferred)
takes_modes(modes...) = hasmethod(JULIAS_INFERENCE, Tuple{Core.MethodInstance,UInt,map(typeof, modes)...})
const INFERENCE_MODES = takes_modes() ? () : takes_modes(0x01) ? (0x01,) : (0x01, 0x00)                        # compile it; trim nothing

infer(instance, world, mode...) = Base.invoke_in_world(INFERENCE_WORLD, JULIAS_INFERENCE, instance, world, mode...)

function inferred_by(f)
    INFERENCE_WORLD == inference_world() != 0 || error("a package has its own type inference")
    for modes in ((), (UInt8,), (UInt8, UInt8))
        precompile(f, (Core.MethodInstance, UInt, modes...))
    end
    ccall(:jl_set_typeinf_func, Cvoid, (Any,), f)
end

function inferred_by_julia()
    ccall(:jl_set_typeinf_func, Cvoid, (Any,), JULIAS_INFERENCE)
    unsafe_store!(cglobal(:jl_typeinf_world, UInt), INFERENCE_WORLD)
end

# Native code of a lowered statement. Inference changes what it is given, so it gets a copy.
function compile_thunk(code::Core.CodeInfo)
    own = copy(code)
    own.code = Base.copy_exprargs(code.code)
    instance = thunk_instance(own)
    world = Base.get_world_counter()
    infer(instance, world, INFERENCE_MODES...)
    compiled = ccall(:jl_compile_method_internal, Any, (Any, UInt), instance, world)
    HAS_UNINFERRED || ccall(:jl_compile_codeinst, Cint, (Any,), compiled)
    compiled
end

function thunk_instance(code::Core.CodeInfo)
    if !HAS_UNINFERRED
        instance = ccall(:jl_method_instance_for_thunk, Ref{Core.MethodInstance}, (Any, Any), code, Main)
        ccall(:jl_resolve_definition_effects_in_ir, Cvoid, (Any, Any, Ptr{Cvoid}, Ptr{Cvoid}, Cint), code.code, Main, C_NULL, C_NULL, 0)
        return instance
    end
    instance = ccall(:jl_new_method_instance_uninit, Ref{Core.MethodInstance}, ())
    try setfield!(instance, :uninferred, code, :release) catch; setfield!(instance, :uninferred, code) end      # atomic from 1.10
    instance.specTypes = Tuple{}
    instance.def = Main
    ccall(:jl_resolve_globals_in_ir, Cvoid, (Any, Any, Any, Cint), code.code, Main, Core.svec(), 0)
    instance
end

# The lowered statement that Julia made this of.
thunk_of(instance) = HAS_UNINFERRED ? (isdefined(instance, :uninferred) ? instance.uninferred : nothing) :
                     isdefined(instance, :cache) ? instance.cache.inferred : nothing

# What Julia takes for the result of its type inference. Where it expects source instead, it ignores what is none.
function give_code(instance, code)
    ccall(:jl_mi_cache_insert, Cvoid, (Any, Any), instance, code)
    code
end

# As `name = …` at top level declares it, from 1.12 on; before, assigning declares nothing.
function declare_global(name::Symbol)
    code = lower(:($name = nothing), "none", 1).args[1]
    wanted = Set{Int}(findall(declares_global, code.code))
    isempty(wanted) || Core.eval(Main, Expr(:thunk, only_these(code, wanted)))
    nothing
end
declares_global(x) = x isa Expr && (x.head === :globaldecl || x.head === :call && x.args[1] == GlobalRef(Core, :declare_global))
